//! How an id is made of time, data centre, machine and sequence.
//!
//! Most significant first: a sign that is always 0, then the four sections. A larger time makes a
//! larger id whatever the rest, so ids sort by time.
//!
//! Source: Twitter's Snowflake (2010), whose widths 41, 5, 5, 12 and epoch are the default.

use thiserror::Error;

/// Twitter's epoch: 2010-11-04T01:42:54.657Z, in milliseconds since 1970.
pub const TWITTER_EPOCH_MS: u64 = 1_288_834_974_657;
/// Bits of an id beside its sign.
pub const BITS: u32 = 63;

/// The widths of the sections and where time begins. Made by [`Layout::new`] only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    epoch_ms: u64,
    widths: Widths,
}

/// Bits of each section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Widths {
    /// Milliseconds since the epoch.
    pub timestamp: u32,
    /// Data centres.
    pub datacenter: u32,
    /// Machines of a data centre.
    pub machine: u32,
    /// Ids of one machine in one millisecond.
    pub sequence: u32,
}

/// What an id says, by one layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Milliseconds since 1970.
    pub time_ms: u64,
    /// Who made it.
    pub worker: Worker,
    /// Which it was of its millisecond.
    pub sequence: u64,
}

/// A generator's place: no two that run have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Worker {
    /// Data centre.
    pub datacenter: u32,
    /// Machine of the data centre.
    pub machine: u32,
}

/// Why a layout or an id cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LayoutError {
    /// The widths do not make 63 bits.
    #[error("the widths add up to {0} bits; they must make {BITS}, for the sign stays 0")]
    Sum(u32),
    /// No room for time, or for ids in it.
    #[error("timestamp and sequence need 1 bit or more each")]
    NoRoom,
    /// A machine's place is numbered in 32 bits.
    #[error("data centre and machine have 16 bits at most each")]
    TooWide,
    /// A time before the epoch.
    #[error("the time is before the epoch")]
    BeforeEpoch,
    /// A time that the section cannot hold.
    #[error("the time is past the end of the epoch; a new layout is needed")]
    PastEnd,
    /// A data centre or machine beyond its section.
    #[error("data centre {} machine {} do not fit the layout", .0.datacenter, .0.machine)]
    NoSuchWorker(Worker),
    /// A sequence beyond its section.
    #[error("sequence {0} does not fit the layout")]
    NoSuchSequence(u64),
}

impl Widths {
    /// Twitter's.
    pub const TWITTER: Self = Self { timestamp: 41, datacenter: 5, machine: 5, sequence: 12 };

    fn sum(self) -> u32 {
        self.timestamp
            .saturating_add(self.datacenter)
            .saturating_add(self.machine)
            .saturating_add(self.sequence)
    }
}

impl Default for Layout {
    fn default() -> Self {
        Self { epoch_ms: TWITTER_EPOCH_MS, widths: Widths::TWITTER }
    }
}

impl Layout {
    /// A layout whose time begins at `epoch_ms` since 1970.
    ///
    /// # Errors
    /// [`LayoutError::Sum`], [`LayoutError::NoRoom`], [`LayoutError::TooWide`].
    pub fn new(epoch_ms: u64, widths: Widths) -> Result<Self, LayoutError> {
        if widths.sum() != BITS {
            return Err(LayoutError::Sum(widths.sum()));
        }
        if widths.timestamp == 0 || widths.sequence == 0 {
            return Err(LayoutError::NoRoom);
        }
        if widths.datacenter > 16 || widths.machine > 16 {
            return Err(LayoutError::TooWide);
        }
        Ok(Self { epoch_ms, widths })
    }

    /// Where time begins, in milliseconds since 1970.
    pub fn epoch_ms(&self) -> u64 {
        self.epoch_ms
    }

    /// The widths.
    pub fn widths(&self) -> Widths {
        self.widths
    }

    /// Ids of one generator in one millisecond.
    pub fn ids_a_ms(&self) -> u64 {
        1 << self.widths.sequence
    }

    /// The last millisecond since 1970 that an id can name.
    pub fn last_ms(&self) -> u64 {
        self.epoch_ms.saturating_add(ones(self.widths.timestamp))
    }

    /// How many generators there can be.
    pub fn workers(&self) -> u64 {
        1 << (self.widths.datacenter + self.widths.machine)
    }

    /// Whether `worker` fits.
    pub fn holds(&self, worker: Worker) -> bool {
        u64::from(worker.datacenter) <= ones(self.widths.datacenter)
            && u64::from(worker.machine) <= ones(self.widths.machine)
    }

    /// Milliseconds since the epoch.
    ///
    /// # Errors
    /// [`LayoutError::BeforeEpoch`], [`LayoutError::PastEnd`].
    pub fn ticks(&self, time_ms: u64) -> Result<u64, LayoutError> {
        let ticks = time_ms.checked_sub(self.epoch_ms).ok_or(LayoutError::BeforeEpoch)?;
        if ticks > ones(self.widths.timestamp) { Err(LayoutError::PastEnd) } else { Ok(ticks) }
    }

    /// The bits of `worker` in their place.
    ///
    /// # Errors
    /// [`LayoutError::NoSuchWorker`].
    pub fn worker_bits(&self, worker: Worker) -> Result<u64, LayoutError> {
        if !self.holds(worker) {
            return Err(LayoutError::NoSuchWorker(worker));
        }
        let Widths { machine, sequence, .. } = self.widths;
        let datacenter = u64::from(worker.datacenter) << (machine + sequence);
        Ok(datacenter | u64::from(worker.machine) << sequence)
    }

    /// The id of a place in time, from ticks (see [`Layout::ticks`]), worker bits and a sequence
    /// that fit: nothing is checked here.
    pub fn compose(&self, ticks: u64, worker_bits: u64, sequence: u64) -> u64 {
        ticks << self.below_time() | worker_bits | sequence
    }

    /// The id that `parts` describe.
    ///
    /// # Errors
    /// [`LayoutError::BeforeEpoch`], [`LayoutError::PastEnd`], [`LayoutError::NoSuchWorker`],
    /// [`LayoutError::NoSuchSequence`].
    pub fn encode(&self, parts: Parts) -> Result<u64, LayoutError> {
        if parts.sequence >= self.ids_a_ms() {
            return Err(LayoutError::NoSuchSequence(parts.sequence));
        }
        let (ticks, worker) = (self.ticks(parts.time_ms)?, self.worker_bits(parts.worker)?);
        Ok(self.compose(ticks, worker, parts.sequence))
    }

    /// What `id` says. Its sign is not looked at.
    pub fn decode(&self, id: u64) -> Parts {
        let Widths { timestamp, datacenter, machine, sequence } = self.widths;
        let field = |shift: u32, bits: u32| id.checked_shr(shift).unwrap_or(0) & ones(bits);
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Parts {
            time_ms: self.epoch_ms.saturating_add(field(self.below_time(), timestamp)),
            worker: Worker {
                datacenter: narrow(field(machine + sequence, datacenter)),
                machine: narrow(field(sequence, machine)),
            },
            sequence: field(0, sequence),
        }
    }

    /// The smallest id of a millisecond: `id >= min_id_at(t)` finds what was made from `t` on.
    ///
    /// # Errors
    /// [`LayoutError::BeforeEpoch`], [`LayoutError::PastEnd`].
    pub fn min_id_at(&self, time_ms: u64) -> Result<u64, LayoutError> {
        Ok(self.ticks(time_ms)? << self.below_time())
    }

    /// The largest id of a millisecond.
    ///
    /// # Errors
    /// As [`Layout::min_id_at`].
    pub fn max_id_at(&self, time_ms: u64) -> Result<u64, LayoutError> {
        Ok(self.min_id_at(time_ms)? | ones(self.below_time()))
    }

    fn below_time(&self) -> u32 {
        self.widths.datacenter + self.widths.machine + self.widths.sequence
    }
}

fn ones(bits: u32) -> u64 {
    if bits == 0 { 0 } else { u64::MAX >> (64 - bits) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn worker(datacenter: u32, machine: u32) -> Worker {
        Worker { datacenter, machine }
    }

    /// M12.
    #[test]
    fn the_worked_encodings() {
        let layout = Layout::default();
        for (time_ms, worker, sequence, id) in [
            (1_735_689_600_000, worker(3, 7), 42, 1_874_244_142_495_068_202),
            (TWITTER_EPOCH_MS + 1, worker(0, 0), 0, 4_194_304),
            (TWITTER_EPOCH_MS + 1, worker(1, 1), 1, 4_329_473),
            (layout.last_ms(), worker(31, 31), 4_095, 9_223_372_036_854_775_807),
        ] {
            let parts = Parts { time_ms, worker, sequence };
            assert_eq!(layout.encode(parts), Ok(id));
            assert_eq!(layout.decode(id), parts);
        }
    }

    /// M13: ids of the expected look, with their times in milliseconds since 1970.
    #[test]
    fn the_worked_decodings() {
        for (id, time_ms, datacenter, machine, sequence) in [
            (1_227_238_262_110_117_894, 1_581_431_377_328, 11, 22, 6),
            (1_241_107_244_890_099_715, 1_584_738_000_496, 11, 9, 3),
            (1_243_643_959_492_173_824, 1_585_342_800_387, 11, 22, 0),
            (1_247_686_501_489_692_673, 1_586_306_617_506, 11, 29, 1),
            (1_567_981_766_075_453_440, 1_662_670_959_381, 27, 25, 0),
        ] {
            let parts = Parts { time_ms, worker: worker(datacenter, machine), sequence };
            assert_eq!(Layout::default().decode(id), parts);
        }
    }

    /// A12: 2080-07-10T17:30:30.208Z is the last millisecond.
    #[test]
    fn time_ends_and_begins() {
        let layout = Layout::default();
        const LAST_MS: u64 = 3_487_858_230_208;
        assert_eq!(layout.last_ms(), LAST_MS);
        assert_eq!(layout.min_id_at(LAST_MS + 1), Err(LayoutError::PastEnd));
        assert_eq!(layout.max_id_at(LAST_MS), Ok(u64::MAX >> 1));
        assert_eq!(layout.ticks(TWITTER_EPOCH_MS - 1), Err(LayoutError::BeforeEpoch));
    }

    /// A11.
    #[test]
    fn widths_must_make_63_bits() {
        let widths = |timestamp, datacenter, machine, sequence| {
            Layout::new(0, Widths { timestamp, datacenter, machine, sequence })
        };
        let layout = widths(43, 4, 4, 12).unwrap();
        let parts = Parts { time_ms: 1_735_689_600_000, worker: worker(15, 3), sequence: 9 };
        assert_eq!(layout.decode(layout.encode(parts).unwrap()), parts);
        assert_eq!(widths(41, 5, 5, 13), Err(LayoutError::Sum(64)));
        assert_eq!(widths(41, 5, 5, 11), Err(LayoutError::Sum(62)));
        assert_eq!(widths(u32::MAX, 5, 5, 12), Err(LayoutError::Sum(u32::MAX)));
        assert_eq!(widths(63, 0, 0, 0), Err(LayoutError::NoRoom));
        assert_eq!(widths(41, 17, 1, 4), Err(LayoutError::TooWide));
        let bad = layout.encode(Parts { worker: worker(16, 0), ..parts });
        assert_eq!(bad, Err(LayoutError::NoSuchWorker(worker(16, 0))));
        let bad = layout.encode(Parts { sequence: 4_096, ..parts });
        assert_eq!(bad, Err(LayoutError::NoSuchSequence(4_096)));
    }

    prop_compose! {
        fn any_layout()(
            datacenter in 0_u32..=16,
            machine in 0_u32..=16,
            sequence in 1_u32..=22,
            epoch_ms in 0_u64..2_000_000_000_000,
        ) -> Layout {
            let timestamp = BITS - datacenter - machine - sequence;
            Layout::new(epoch_ms, Widths { timestamp, datacenter, machine, sequence }).unwrap()
        }
    }

    proptest! {
        /// A1, over all layouts: nothing is lost either way.
        #[test]
        fn decoding_undoes_encoding(layout in any_layout(), id in 0..=u64::MAX >> 1) {
            let parts = layout.decode(id);
            prop_assert_eq!(layout.encode(parts), Ok(id));
        }

        /// A9: the bounds of a millisecond hold its ids and no others.
        #[test]
        fn bounds_hold_exactly_the_ids_of_a_millisecond(
            layout in any_layout(),
            id in 0..=u64::MAX >> 1,
        ) {
            let time_ms = layout.decode(id).time_ms;
            let min = layout.min_id_at(time_ms).unwrap();
            let max = layout.max_id_at(time_ms).unwrap();
            prop_assert!((min..=max).contains(&id));
            prop_assert!(min == 0 || layout.decode(min - 1).time_ms < time_ms);
            prop_assert!(max == u64::MAX >> 1 || layout.decode(max + 1).time_ms > time_ms);
        }
    }
}
