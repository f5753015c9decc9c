//! The latest decisions, kept so that a candidate for a rule file can be tried on them.
//!
//! They hold what the requests said of their callers, so they are kept in memory only, and only as
//! many as the setting allows; none by default.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::model::{Descriptor, Request, Ruling, Verdict};
use crate::plan::Plan;
use crate::rules::{RuleSet, Secret, Tally};
use crate::table::Table;

/// Memory of a rehearsal.
const REHEARSAL_BYTES_MAX: usize = 256 << 20;

/// A ring of decisions.
pub struct Recording {
    ring: Mutex<VecDeque<Recorded>>,
    most: usize,
}

/// One decision.
#[derive(Clone, Debug)]
struct Recorded {
    at_us: u64,
    domain: Box<str>,
    descriptors: Vec<RecordedDescriptor>,
    hits: u32,
    admitted: bool,
}

#[derive(Clone, Debug)]
struct RecordedDescriptor {
    entries: Vec<(Box<str>, Box<str>)>,
    hits: Option<u32>,
    limit: Option<crate::model::Override>,
}

/// What other rules would have decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rehearsal {
    /// Decisions that were tried.
    pub decisions: usize,
    /// Microseconds from the first to the last.
    pub span_us: u64,
    /// How many were admitted.
    pub admitted_then: usize,
    /// How many would be.
    pub admitted_now: usize,
    /// Admitted, and would be refused.
    pub newly_denied: usize,
    /// Refused, and would be admitted.
    pub newly_admitted: usize,
    /// Each rule with what it would have decided.
    pub rules: Vec<(String, Tally)>,
}

impl Recording {
    /// Keeps the latest `most`.
    pub fn new(most: usize) -> Self {
        Self { ring: Mutex::default(), most }
    }

    /// Whether any are kept.
    pub fn is_on(&self) -> bool {
        self.most > 0
    }

    /// Keeps a decision, and forgets the oldest when there are too many.
    pub fn add(&self, request: &Request<'_>, ruling: &Ruling, now_us: u64) {
        if !self.is_on() {
            return;
        }
        let entry = |(key, value): &(&str, &str)| (Box::from(*key), Box::from(*value));
        let descriptor = |descriptor: &Descriptor<'_>| RecordedDescriptor {
            entries: descriptor.entries.iter().map(entry).collect(),
            hits: descriptor.hits,
            limit: descriptor.limit,
        };
        let recorded = Recorded {
            at_us: now_us,
            domain: request.domain.into(),
            descriptors: request.descriptors.iter().map(descriptor).collect(),
            hits: request.hits,
            admitted: ruling.verdict == Verdict::Ok,
        };
        let mut ring = self.ring.lock();
        if ring.len() >= self.most {
            ring.pop_front();
        }
        ring.push_back(recorded);
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.ring.lock().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tries `candidate` on the kept decisions, from empty counters and by the times they had.
    /// Takes about a microsecond a decision.
    pub fn rehearse(&self, candidate: &RuleSet, secret: Secret) -> Rehearsal {
        let recorded: Vec<Recorded> = self.ring.lock().iter().cloned().collect();
        let table = Table::new(REHEARSAL_BYTES_MAX);
        let mut rehearsal = Rehearsal { decisions: recorded.len(), ..Rehearsal::default() };
        if let (Some(first), Some(last)) = (recorded.first(), recorded.last()) {
            rehearsal.span_us = last.at_us.saturating_sub(first.at_us);
        }
        for (number, recorded) in (1_u64..).zip(&recorded) {
            let request = recorded.request();
            let plan = Plan::of(&request, candidate, secret);
            let answers = table.decide_all(&plan.charges(number), recorded.at_us);
            let admitted = plan.ruling(&answers, number).verdict == Verdict::Ok;
            rehearsal.admitted_then += usize::from(recorded.admitted);
            rehearsal.admitted_now += usize::from(admitted);
            rehearsal.newly_denied += usize::from(recorded.admitted && !admitted);
            rehearsal.newly_admitted += usize::from(!recorded.admitted && admitted);
        }
        let tally =
            |rule: &std::sync::Arc<crate::rules::Rule>| (rule.place.clone(), rule.counts.tally());
        rehearsal.rules = candidate.rules().iter().map(tally).collect();
        rehearsal
    }
}

impl Recorded {
    fn request(&self) -> Request<'_> {
        Request {
            domain: &self.domain,
            descriptors: self.descriptors.iter().map(RecordedDescriptor::descriptor).collect(),
            hits: self.hits,
        }
    }
}

impl RecordedDescriptor {
    fn descriptor(&self) -> Descriptor<'_> {
        Descriptor {
            entries: self.entries.iter().map(|(key, value)| (&**key, &**value)).collect(),
            hits: self.hits,
            limit: self.limit,
        }
    }
}
