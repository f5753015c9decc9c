//! What a group may take, and the time-outs its members may ask for.

/// The most protocols of one member; more is refused with [`super::GroupError::InvalidRequest`].
/// Clients have one to five. Electing one costs the square of it for each member.
pub const PROTOCOLS_MAX: usize = 64;

/// The bounds of a group. Memory of one group stays under twice [`Limits::group_bytes_max`] for
/// metadata and assignments, plus what the names of [`Limits::members_max`] members need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `group.min.session.timeout.ms`: a shorter one is refused with
    /// [`super::GroupError::InvalidSessionTimeout`].
    pub session_timeout_min_ms: u32,
    /// `group.max.session.timeout.ms`: a longer one is refused likewise.
    pub session_timeout_max_ms: u32,
    /// `group.initial.rebalance.delay.ms`: how long the first rebalance of an empty group waits
    /// for more members; each newcomer prolongs it, up to the rebalance time-out.
    pub initial_rebalance_delay_ms: u32,
    /// `group.max.size`: one more is refused with [`super::GroupError::GroupMaxSizeReached`].
    /// As many ids may be handed out to members that have not joined yet. At least 1.
    pub members_max: usize,
    /// Bytes of names and protocol metadata of one member; more is refused with
    /// [`super::GroupError::InvalidRequest`].
    pub member_bytes_max: usize,
    /// The same of all members together ([`super::GroupError::GroupMaxSizeReached`]); also the
    /// bytes of all assignments together ([`super::GroupError::InvalidRequest`]).
    pub group_bytes_max: usize,
}

impl Default for Limits {
    /// Kafka's time-outs; its group size is unbounded, ours is 1,000 members and 8 MiB.
    fn default() -> Self {
        Self {
            session_timeout_min_ms: 6_000,
            session_timeout_max_ms: 1_800_000,
            initial_rebalance_delay_ms: 3_000,
            members_max: 1_000,
            member_bytes_max: 256 * 1_024,
            group_bytes_max: 8 * 1_024 * 1_024,
        }
    }
}
