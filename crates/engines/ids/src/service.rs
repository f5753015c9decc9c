//! The verbs, as front doors and other systems call them.

use std::sync::Arc;

use kit::auth::{Kind, Principal};
use kit::clock::{Clock, Timestamp};
use kit::sql::{Db, SqlError};
use structures::permutation::Permutation;

use crate::generator::{Grant, Run};
use crate::layout::{Layout, Parts, Worker};
use crate::model::IdError;
use crate::reading::{self, Reading};
use crate::registry::{self, WorkerRow};
use crate::seat::{Seat, now_ms};
use crate::settings::Settings;
use crate::text::{self, Form};
use crate::ticket::{Numbers, Plan, Tickets};
use crate::uuid::{Makers, Ulid, Uuid};

/// What a principal needs to make ids, to look at them, and to decide for all.
pub const MAKE: &str = "ids:make";
/// See [`MAKE`].
pub const READ: &str = "ids:read";
/// See [`MAKE`].
pub const ADMIN: &str = "ids:admin";

/// The ids of one namespace.
pub struct Ids {
    pub(crate) settings: Arc<Settings>,
    pub(crate) sql: Db,
    pub(crate) clock: Clock,
    /// Single ids and batches.
    pub(crate) seat: Arc<Seat>,
    /// Ranges have a worker of their own, so that what runs ahead of the clock there holds up
    /// nobody here.
    pub(crate) ranges: Arc<Seat>,
    pub(crate) makers: Makers,
    pub(crate) tickets: Tickets,
    pub(crate) facade: Permutation,
}

/// Ids that a client makes alone: those of its worker from one millisecond to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Whose places they are.
    pub worker: Worker,
    /// The first millisecond, since 1970.
    pub from_ms: u64,
    /// The last millisecond.
    pub until_ms: u64,
    /// The smallest id: of `from_ms`, sequence 0.
    pub first: u64,
    /// How many there are.
    pub count: u64,
}

/// The state of a generator, for people.
#[derive(Clone, Debug)]
pub struct Status {
    /// Its worker; none before the first id.
    pub worker: Option<Worker>,
    /// How far its mark is, in milliseconds since 1970.
    pub granted_until_ms: Option<u64>,
    /// How far the machine's clock was set since the last mark, in microseconds.
    pub clock_step_us: i64,
    /// Milliseconds until the layout cannot express the time.
    pub epoch_left_ms: u64,
    /// Every worker that was ever claimed.
    pub workers: Vec<WorkerRow>,
}

impl Ids {
    /// What ids are made of.
    pub fn layout(&self) -> &Layout {
        &self.settings.layout
    }

    /// Whether `principal` may make ids.
    ///
    /// # Errors
    /// [`IdError::Refused`].
    pub fn may_make(&self, principal: &Principal) -> Result<(), IdError> {
        if self.settings.anonymous && principal.kind == Kind::Anonymous {
            return Ok(());
        }
        Ok(principal.require(MAKE)?)
    }

    /// An id without waiting for anything; none: ask [`Ids::next_id`].
    pub fn next_now(&self) -> Option<u64> {
        self.seat.take_now(&|generator, now| generator.take(now, 1)).map(|run| run.first)
    }

    /// The next id.
    ///
    /// # Errors
    /// [`IdError::ClockBehind`], [`IdError::ClockJumped`], [`IdError::ClockStands`],
    /// [`IdError::Layout`] past the end of the epoch, [`IdError::NoWorker`], [`IdError::Store`].
    pub async fn next_id(&self) -> Result<u64, IdError> {
        match self.next_now() {
            Some(id) => Ok(id),
            None => self.seat.take(|generator, now| generator.next(now)).await,
        }
    }

    /// The next `count` ids, as runs of which each is within one millisecond.
    ///
    /// # Errors
    /// [`IdError::Count`] and as [`Ids::next_id`]; then no id of them is handed out.
    pub async fn next_ids(&self, count: u64) -> Result<Vec<Run>, IdError> {
        let max = self.settings.batch_max;
        if !(1..=max).contains(&count) {
            return Err(IdError::Count { count, max });
        }
        let (mut runs, mut left) = (Vec::new(), count);
        while left > 0 {
            let run = self.seat.take(|generator, now| generator.take(now, left)).await?;
            left -= run.count;
            runs.push(run);
        }
        Ok(runs)
    }

    /// `count` ids that follow one another, without waiting for anything; none: ask
    /// [`Ids::next_block`].
    pub fn next_block_now(&self, count: u64) -> Option<Run> {
        self.seat.take_now(&|generator, now| generator.take_all(now, count))
    }

    /// `count` ids that follow one another.
    ///
    /// # Errors
    /// [`IdError::Count`] for more than a millisecond has, and as [`Ids::next_id`].
    pub async fn next_block(&self, count: u64) -> Result<Run, IdError> {
        let max = self.settings.layout.ids_a_ms();
        if !(1..=max).contains(&count) {
            return Err(IdError::Count { count, max });
        }
        self.seat.take(|generator, now| generator.take_all(now, count)).await
    }

    /// Milliseconds ahead of the clock, for a client that makes `count` ids or some more alone.
    ///
    /// # Errors
    /// [`IdError::Count`] for more than fit into `range_ahead_max_ms`, [`IdError::RangesAhead`]
    /// when others hold what is ahead, and as [`Ids::next_id`].
    pub async fn lease_range(&self, count: u64) -> Result<Range, IdError> {
        let (layout, ahead_max) = (self.settings.layout, self.settings.range_ahead_max_ms);
        let max = ahead_max.saturating_mul(layout.ids_a_ms());
        if !(1..=max).contains(&count) {
            return Err(IdError::Count { count, max });
        }
        let ticks = count.div_ceil(layout.ids_a_ms());
        let leased = self.ranges.take(|generator, now| {
            let grant = generator.reserve(now, ticks, ahead_max)?;
            Ok((generator.worker(), grant))
        });
        let (worker, Grant { after, until }) = leased.await?;
        Ok(Range {
            worker,
            from_ms: layout.epoch_ms() + after + 1,
            until_ms: layout.epoch_ms() + until,
            first: layout.compose(after + 1, layout.worker_bits(worker)?, 0),
            count: ticks * layout.ids_a_ms(),
        })
    }

    /// A random UUID.
    pub fn uuid_v4(&self) -> Uuid {
        self.makers.uuid_v4()
    }

    /// A UUID that is larger than any made here before.
    pub fn uuid_v7(&self) -> Uuid {
        self.makers.uuid_v7(now_ms(&self.clock))
    }

    /// A ULID that is larger than any made here before.
    pub fn ulid(&self) -> Ulid {
        self.makers.ulid(now_ms(&self.clock))
    }

    /// The next numbers of a ticket.
    ///
    /// # Errors
    /// [`IdError::Name`], [`IdError::Count`], [`IdError::Ticket`], [`IdError::Store`].
    pub async fn next_tickets(&self, name: &str, count: u64) -> Result<Numbers, IdError> {
        let max = self.settings.batch_max;
        if !(1..=max).contains(&count) {
            return Err(IdError::Count { count, max });
        }
        self.tickets.take(name, count).await
    }

    /// Makes a ticket that counts as `plan` says.
    ///
    /// # Errors
    /// [`IdError::Name`], [`IdError::Ticket`], [`IdError::Store`].
    pub async fn create_ticket(&self, name: &str, plan: Plan) -> Result<(), IdError> {
        self.tickets.create(name, plan).await
    }

    /// The public face of an id; see [`Permutation`].
    ///
    /// # Errors
    /// [`IdError::NoId`] from 2^63 on.
    pub fn hide(&self, id: u64) -> Result<u64, IdError> {
        self.facade.apply(id).ok_or_else(|| IdError::NoId(format!("{id} has no public face")))
    }

    /// The id behind a public face.
    ///
    /// # Errors
    /// [`IdError::NoId`] from 2^63 on.
    pub fn reveal(&self, face: u64) -> Result<u64, IdError> {
        self.facade.invert(face).ok_or_else(|| IdError::NoId(format!("{face} is no public face")))
    }

    /// The id that `text` is in one of our own forms, or as `TYPE_...`.
    ///
    /// # Errors
    /// [`IdError::NoId`].
    pub fn parse(&self, text: &str, form: Option<Form>) -> Result<u64, IdError> {
        if let Some((_, id)) = text::read_typed(text)? {
            return Ok(id);
        }
        let id = form.unwrap_or(Form::Decimal).read(text).filter(|id| *id <= i64::MAX as u64);
        id.ok_or_else(|| IdError::NoId(format!("{text:?} is no id of this form")))
    }

    /// What an id of this namespace says.
    pub fn decode(&self, id: u64) -> Parts {
        self.settings.layout.decode(id)
    }

    /// What `text` can be in the formats of others.
    pub fn readings(&self, text: &str) -> Vec<Reading> {
        reading::read(text, now_ms(&self.clock))
    }

    /// The smallest and the largest id of a millisecond.
    ///
    /// # Errors
    /// [`IdError::Layout`].
    pub fn bounds(&self, at: Timestamp) -> Result<(u64, u64), IdError> {
        let at_ms = u64::try_from(at.micros().div_euclid(1_000)).unwrap_or(0);
        Ok((self.settings.layout.min_id_at(at_ms)?, self.settings.layout.max_id_at(at_ms)?))
    }

    /// The state of the generator and all that are known.
    ///
    /// # Errors
    /// See [`SqlError`].
    pub async fn status(&self) -> Result<Status, IdError> {
        let workers = self.sql.read::<_, SqlError>(registry::workers).await?;
        let layout = self.settings.layout;
        let generator = self.seat.generator();
        Ok(Status {
            worker: generator.as_ref().map(|generator| generator.worker()),
            granted_until_ms: generator
                .map(|generator| layout.epoch_ms() + generator.granted_until()),
            clock_step_us: self.seat.clock_step_us(),
            epoch_left_ms: layout.last_ms().saturating_sub(now_ms(&self.clock)),
            workers,
        })
    }

    /// An operator has looked: the clock that jumped is right.
    pub fn accept_clock(&self) {
        self.seat.accept_clock();
        self.ranges.accept_clock();
    }
}
