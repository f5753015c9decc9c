//! What can go wrong with ids.

use kit::auth::AuthError;
use kit::sql::SqlError;
use thiserror::Error;

use crate::layout::LayoutError;
use crate::registry::ClaimError;

/// Why there is no id.
#[derive(Clone, Debug, Error)]
pub enum IdError {
    /// The clock went back further than is waited for.
    #[error(
        "the clock is {behind_ms} ms behind the last id, so an id could be made twice; ids are \
         made again once it has caught up, or set it right"
    )]
    ClockBehind {
        /// How far.
        behind_ms: u64,
    },
    /// The clock went ahead further than is believed.
    #[error(
        "the clock jumped {by_ms} ms ahead, more than ids.clock_jump_max_ms; set it right, or POST \
         /ids/clock/accept if it is"
    )]
    ClockJumped {
        /// How far.
        by_ms: u64,
    },
    /// The clock is not kept as `clock_offset_max_ms` and `clock_kept_required` ask.
    #[error("{0}")]
    ClockUnkept(String),
    /// The clock does not move, and all ids of its millisecond are issued.
    #[error("the clock stands still and all ids of its millisecond are issued; advance it")]
    ClockStands,
    /// Ranges are leased as far ahead of the clock as they may be.
    #[error("ranges are leased {ahead_max_ms} ms ahead already; ask for fewer, or again later")]
    RangesAhead {
        /// See `range_ahead_max_ms`.
        ahead_max_ms: u64,
    },
    /// The layout cannot express the time or place.
    #[error("{0}")]
    Layout(#[from] LayoutError),
    /// No worker could be claimed.
    #[error("{0}")]
    NoWorker(ClaimError),
    /// Somebody else claimed the worker at the same moment.
    #[error("another generator has taken this one's place; try again")]
    Lost,
    /// How many were asked for.
    #[error("count = {count}: ask for 1 to {max} at once")]
    Count {
        /// What was asked for.
        count: u64,
        /// The most.
        max: u64,
    },
    /// What was sent is no id of any kind known here.
    #[error("{0}")]
    NoId(String),
    /// A name of a ticket or type.
    #[error("{0}")]
    Name(String),
    /// There is no such ticket, or it is used up.
    #[error("{0}")]
    Ticket(String),
    /// The caller may not.
    #[error(transparent)]
    Refused(#[from] AuthError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] SqlError),
}

impl From<ClaimError> for IdError {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::Store(error) => Self::Store(error),
            error => Self::NoWorker(error),
        }
    }
}
