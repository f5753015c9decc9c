//! The algorithms behind one call, and how much state a caller of each has.

use crate::answer::Answer;
use crate::concurrency::{self, Concurrency, Leases};
use crate::fixed_window::FixedWindow;
use crate::gcra::Gcra;
use crate::leaking_bucket::LeakingBucket;
use crate::sliding_counter::{SlidingCounter, TwoWindows};
use crate::sliding_log::{self, Log, SlidingLog};
use crate::sub_windows::{self, Counts, SubWindows};
use crate::token_bucket::IntervalBucket;
use crate::windowed::Windowed;

/// One of the algorithms with its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// A limit of 0: nobody, ever.
    Deny,
    /// GCRA; the token bucket with continuous refill; the leaking bucket as a meter.
    Gcra(Gcra),
    /// The leaking bucket as a queue.
    LeakingBucket(LeakingBucket),
    /// The token bucket with refill at intervals.
    IntervalBucket(IntervalBucket),
    /// The fixed window counter.
    FixedWindow(FixedWindow),
    /// The sliding window counter with two counts.
    SlidingCounter(SlidingCounter),
    /// The sliding window counter with a count for each part of the window.
    SubWindows(SubWindows),
    /// The sliding window log.
    SlidingLog(SlidingLog),
    /// A limit on how many are under way at once.
    Concurrency(Concurrency),
}

/// The state of an algorithm that needs more than two words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Large {
    /// Of [`SlidingLog`].
    Log(Log),
    /// Of [`SubWindows`].
    Counts(Counts),
    /// Of [`Concurrency`].
    Leases(Leases),
}

/// What is asked of an algorithm.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// Microseconds since 1970.
    pub now_us: u64,
    /// How much; 0 only looks.
    pub hits: u32,
    /// The lease to hold, for [`Concurrency`].
    pub lease: u64,
}

/// How a caller's state is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Not at all.
    Nowhere,
    /// In one word.
    Word,
    /// In two words.
    Pair,
    /// In a [`Large`].
    Large,
}

impl Algorithm {
    /// How a caller's state is kept.
    #[inline]
    pub fn kept(&self) -> Kept {
        match self {
            Self::Deny => Kept::Nowhere,
            Self::Gcra(_)
            | Self::LeakingBucket(_)
            | Self::IntervalBucket(_)
            | Self::FixedWindow(_) => Kept::Word,
            Self::SlidingCounter(_) => Kept::Pair,
            Self::SubWindows(_) | Self::SlidingLog(_) | Self::Concurrency(_) => Kept::Large,
        }
    }

    /// Decides on a state of one word. An algorithm that is not [`Kept::Word`] denies.
    #[inline]
    pub fn on_word(&self, word: u64, asked: Asked) -> (u64, Answer) {
        let Asked { now_us, hits, .. } = asked;
        // A count of nothing is as good as none, and needs no place.
        let windowed = |(state, answer): (Windowed, Answer)| {
            (if state.count == 0 { 0 } else { state.word() }, answer)
        };
        match self {
            Self::Gcra(gcra) => gcra.decide(word, now_us, hits),
            Self::LeakingBucket(bucket) => bucket.decide(word, now_us, hits),
            Self::IntervalBucket(bucket) => {
                windowed(bucket.decide(Windowed::of_word(word), now_us, hits))
            }
            Self::FixedWindow(window) => {
                windowed(window.decide(Windowed::of_word(word), now_us, hits))
            }
            _ => (word, Answer::DENIED),
        }
    }

    /// Decides on a state of two words. An algorithm that is not [`Kept::Pair`] denies.
    pub fn on_pair(&self, pair: [u64; 2], asked: Asked) -> ([u64; 2], Answer) {
        let Self::SlidingCounter(counter) = self else { return (pair, Answer::DENIED) };
        let (state, answer) = counter.decide(TwoWindows::of_words(pair), asked.now_us, asked.hits);
        let is_nothing = state.current.count == 0 && state.previous == 0;
        (if is_nothing { [0; 2] } else { state.words(counter.length_s) }, answer)
    }

    /// Decides on a large state. One of another algorithm counts as none, and is replaced.
    pub fn on_large(&self, state: &mut Large, asked: Asked) -> Answer {
        let Asked { now_us, hits, lease } = asked;
        if !self.is_of(state) {
            *state = self.fresh();
        }
        match (self, state) {
            (Self::SlidingLog(rule), Large::Log(log)) => rule.decide(log, now_us, hits),
            (Self::SubWindows(rule), Large::Counts(counts)) => rule.decide(counts, now_us, hits),
            (Self::Concurrency(rule), Large::Leases(leases)) => {
                rule.decide(leases, now_us, (lease, hits))
            }
            _ => Answer::DENIED,
        }
    }

    /// The large state of a caller who never came.
    pub fn fresh(&self) -> Large {
        match self {
            Self::SubWindows(_) => Large::Counts(Counts::new()),
            Self::Concurrency(_) => Large::Leases(Leases::new()),
            _ => Large::Log(Log::new()),
        }
    }

    fn is_of(&self, state: &Large) -> bool {
        matches!(
            (self, state),
            (Self::SlidingLog(_), Large::Log(_))
                | (Self::SubWindows(_), Large::Counts(_))
                | (Self::Concurrency(_), Large::Leases(_))
        )
    }

    /// Gives back `hits` of a state of one word.
    pub fn give_back_word(&self, word: u64, hits: u32) -> u64 {
        match self {
            Self::Gcra(gcra) | Self::LeakingBucket(LeakingBucket(gcra)) => {
                gcra.give_back(word, hits)
            }
            _ => {
                let state = Windowed::of_word(word);
                Windowed { count: state.count.saturating_sub(hits), ..state }.word()
            }
        }
    }
}

impl Large {
    /// Gives back what `asked` was charged.
    pub fn give_back(&mut self, asked: Asked) {
        match self {
            Self::Log(log) => sliding_log::give_back(log, asked.hits),
            Self::Counts(counts) => sub_windows::give_back(counts, asked.hits),
            Self::Leases(leases) => drop(concurrency::release(leases, asked.lease)),
        }
    }

    /// About how much memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Log(log) => log.capacity() * 8,
            Self::Counts(counts) => counts.capacity() * 16,
            Self::Leases(leases) => leases.capacity() * 16,
        }
    }
}
