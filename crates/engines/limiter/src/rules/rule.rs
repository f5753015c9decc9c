//! A rule: a limit and what becomes of those over it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::algorithm::Algorithm;

/// One limit, for every caller that its place in the file matches.
#[derive(Debug)]
pub struct Rule {
    /// Domain and path of descriptors, as `auth: auth_type=login/user`. Counters follow it over
    /// changes of the rule.
    pub place: String,
    /// Its name, for [`Rule::replaces`].
    pub name: Option<String>,
    /// Names of the rules that stay out of a request to which this one applies.
    pub replaces: Vec<String>,
    /// None where everything passes and nothing is counted.
    pub limit: Option<Limit>,
    /// See [`Manner`].
    pub manner: Manner,
    /// What it decided so far.
    pub counts: Arc<Counts>,
}

/// How many of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How it is counted.
    pub algorithm: Algorithm,
    /// `requests_per_unit`.
    pub requests: u32,
    /// The most at once: `requests` unless the algorithm has a bucket.
    pub burst: u32,
    /// The window or the time in which `requests` tokens come, in seconds.
    pub period_s: u32,
    /// As the file has it.
    pub unit: Unit,
}

/// A unit of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are words")]
pub enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    /// 30 days.
    Month,
    /// 365 days.
    Year,
}

impl Unit {
    /// How files write them.
    pub const WORDS: [(&'static str, Self); 7] = [
        ("second", Self::Second),
        ("minute", Self::Minute),
        ("hour", Self::Hour),
        ("day", Self::Day),
        ("week", Self::Week),
        ("month", Self::Month),
        ("year", Self::Year),
    ];

    /// In seconds.
    pub fn seconds(self) -> u32 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
            Self::Week => 7 * 86_400,
            Self::Month => 30 * 86_400,
            Self::Year => 365 * 86_400,
        }
    }

    /// As files write it.
    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, unit)| *unit == self).map_or("", |(word, _)| word)
    }
}

/// What becomes of requests over the limit, and when it cannot be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// Count and report as ever, and deny nothing.
    pub shadow: bool,
    /// See [`OnLimit`].
    pub on_limit: OnLimit,
    /// See [`Mode`].
    pub mode: Mode,
    /// See [`OnFailure`].
    pub on_failure: OnFailure,
}

/// What becomes of a request over the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLimit {
    /// It is refused.
    #[default]
    Drop,
    /// It is kept and processed later.
    Queue,
}

/// Whether the threshold may ever be exceeded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Never: every request asks the store.
    #[default]
    Hard,
    /// For a short time and by at most so many percent: permits are taken in batches.
    Soft {
        /// At most 100.
        overrun_percent: u32,
    },
}

/// What is decided while the shared store cannot be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// Each instance counts by itself.
    #[default]
    Open,
    /// Everybody is refused.
    Closed,
}

/// How often a rule decided what, in hits. Clones of the `Arc` count into the same cells.
#[derive(Debug, Default)]
pub struct Counts {
    allowed: AtomicU64,
    denied: AtomicU64,
    shadowed: AtomicU64,
    queued: AtomicU64,
    failed: AtomicU64,
}

/// What a rule decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was within the limit.
    Allowed,
    /// It was over the limit and refused.
    Denied,
    /// It was over the limit of a rule in shadow mode.
    Shadowed,
    /// It was over the limit and kept for later.
    Queued,
    /// The shared store could not be asked.
    Failed,
}

/// The counts at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "see Outcome")]
pub struct Tally {
    pub allowed: u64,
    pub denied: u64,
    pub shadowed: u64,
    pub queued: u64,
    pub failed: u64,
}

impl Rule {
    /// What it decided so far, as metrics have it.
    pub fn outcomes(&self) -> [(&'static str, u64); 6] {
        let Tally { allowed, denied, shadowed, queued, failed } = self.counts.tally();
        let (failed_open, failed_closed) = match self.manner.on_failure {
            OnFailure::Open => (failed, 0),
            OnFailure::Closed => (0, failed),
        };
        [
            ("allowed", allowed),
            ("denied", denied),
            ("shadow_denied", shadowed),
            ("queued", queued),
            ("failed_open", failed_open),
            ("failed_closed", failed_closed),
        ]
    }
}

impl Counts {
    /// Counts `hits` of an outcome.
    pub fn add(&self, outcome: Outcome, hits: u32) {
        let cell = match outcome {
            Outcome::Allowed => &self.allowed,
            Outcome::Denied => &self.denied,
            Outcome::Shadowed => &self.shadowed,
            Outcome::Queued => &self.queued,
            Outcome::Failed => &self.failed,
        };
        cell.fetch_add(hits.into(), Ordering::Relaxed);
    }

    /// The counts now.
    pub fn tally(&self) -> Tally {
        let of = |cell: &AtomicU64| cell.load(Ordering::Relaxed);
        Tally {
            allowed: of(&self.allowed),
            denied: of(&self.denied),
            shadowed: of(&self.shadowed),
            queued: of(&self.queued),
            failed: of(&self.failed),
        }
    }
}
