//! The short way of a decision: plain rules that all admit a request.
//!
//! A ruling holds the rules it is about, and each hold is a count that all threads write. Nearly
//! every request is admitted, and then the numbers are all that is asked for, so here rules are
//! only borrowed. Whatever is not so plain goes the way of [`crate::plan`], and nothing has been
//! charged yet.

use std::time::Duration;

use crate::algorithm::Algorithm;
use crate::answer::Answer;
use crate::descriptors::Head;
use crate::plan;
use crate::rules::{Limit, Match, Outcome};
use crate::service::Limiter;
use crate::table::Charge;

/// Rules that apply to one request at most, where it may go the short way.
const RULES_MAX: usize = 4;

/// What an admitted request is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    /// `requests_per_unit` of the rule with least left.
    pub(crate) requests: u32,
    /// What it has left.
    pub(crate) remaining: u32,
    /// Microseconds that the request waits for its turn.
    pub(crate) delay_us: u64,
}

impl Limiter {
    /// Charges a request from this instance's own counts if every rule is plain and admits it to
    /// wait no longer than `wait_max`.
    /// None: nothing is charged, and [`Limiter::decide_head`] is to rule.
    pub(crate) fn admit(&self, head: &Head<'_>, wait_max: Duration) -> Option<Admission> {
        if self.recording.is_on() {
            return None;
        }
        let rules = self.rules.load();
        let mut found = [None; RULES_MAX];
        for (count, matched) in plan::matches(head, &rules, self.secret).enumerate() {
            *found.get_mut(count)? = Some(plain(matched)?);
        }
        let mut limited = found.iter().flatten();
        let (first, limit) = limited.next()?;
        let now_us = self.now_us();
        let told = match limited.next() {
            None => {
                let answer = self.table.decide(&charge(first, limit), now_us);
                answer.admitted.then(|| told(limit, &answer))?
            }
            Some(_) => {
                let charges: Vec<_> =
                    found.iter().flatten().map(|(found, limit)| charge(found, limit)).collect();
                let answers = self.table.decide_all(&charges, now_us);
                if answers.iter().any(|answer| !answer.admitted) {
                    return None;
                }
                let each = found.iter().flatten().zip(&answers);
                let each = each.map(|((_, limit), answer)| told(limit, answer));
                let delay_us = answers.iter().map(|answer| answer.delay_us).max()?;
                Admission { delay_us, ..each.min_by_key(|told| told.remaining)? }
            }
        };
        if Duration::from_micros(told.delay_us) > wait_max {
            self.release_here(&head.request(), 0);
            return None;
        }
        for (found, _) in found.iter().flatten() {
            found.rule.counts.add(Outcome::Allowed, 1);
        }
        self.decided.ok.inc();
        Some(told)
    }
}

/// A limit that nothing but its count has to do with.
fn plain(found: Match<'_>) -> Option<(Match<'_>, &Limit)> {
    let limit = found.rule.limit.as_ref()?;
    let is_plain = !found.rule.manner.shadow
        && found.rule.replaces.is_empty()
        && !matches!(limit.algorithm, Algorithm::Concurrency(_));
    is_plain.then_some((found, limit))
}

fn charge<'r>(found: &Match<'_>, limit: &'r Limit) -> Charge<'r> {
    Charge { algorithm: &limit.algorithm, key: found.key, hits: 1, lease: 0, shadow: false }
}

fn told(limit: &Limit, answer: &Answer) -> Admission {
    let (requests, remaining, delay_us) = (limit.requests, answer.remaining, answer.delay_us);
    Admission { requests, remaining, delay_us }
}
