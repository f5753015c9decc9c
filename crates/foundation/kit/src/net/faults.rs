//! Faults on purpose: latency, refusals and cuts that a user's own tests ask for, so that a client
//! can be shown to cope with what the contract allows.
//!
//! Cost when no rule is set: one relaxed load a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Rules at most; each is looked at for every request while any is set.
pub const RULES_MAX: usize = 64;
/// Latency that a rule may add at most, in milliseconds.
pub const LATENCY_MAX_MS: u32 = 60_000;

/// One fault and the requests that it befalls.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The door whose requests are meant, such as `edge`; every door when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door: Option<String>,
    /// How the path begins, or the command where a protocol has no paths; every one when empty.
    #[serde(default)]
    pub path_prefix: String,
    /// Which of those requests.
    pub when: When,
    /// What befalls them.
    pub action: Action,
}

/// Which of the matching requests a rule befalls.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Every n-th, the n-th first; 1 is each of them.
    EveryNth(u32),
    /// Each on its own with this probability, 0 to 1.
    Probability(f64),
}

/// What befalls a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is answered this many milliseconds later, at most [`LATENCY_MAX_MS`].
    LatencyMs(u32),
    /// It is refused with this status, 400 to 599.
    Refuse(u16),
    /// Its connection is closed without an answer.
    Cut,
}

/// Why rules were not taken; those before stay in force.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FaultError {
    /// More rules than [`RULES_MAX`].
    #[error("{0} fault rules; at most {RULES_MAX} can be set")]
    TooMany(usize),
    /// `every_nth` of 0.
    #[error("rule {0}: every_nth must be 1 or more")]
    NeverNth(usize),
    /// A probability that is none.
    #[error("rule {0}: probability must be from 0 to 1")]
    Probability(usize),
    /// Latency over [`LATENCY_MAX_MS`].
    #[error("rule {0}: latency_ms must be at most {LATENCY_MAX_MS}")]
    Latency(usize),
    /// A status that is no refusal.
    #[error("rule {0}: refuse must be a status from 400 to 599")]
    Status(usize),
}

/// The rules in force at the doors that share this.
#[derive(Debug)]
pub struct Faults {
    any: AtomicBool,
    rules: ArcSwapOption<Vec<Armed>>,
    seed: u64,
}

#[derive(Debug)]
struct Armed {
    rule: Rule,
    matched: AtomicU64,
}

impl Faults {
    /// No rules yet; the seed decides which requests a probability befalls, so that a run can be
    /// repeated.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { any: AtomicBool::new(false), rules: ArcSwapOption::empty(), seed }
    }

    /// Replaces all rules; none ends the faults.
    ///
    /// # Errors
    /// When there are too many, or one is out of its bounds; then nothing changes.
    pub fn set(&self, rules: Vec<Rule>) -> Result<(), FaultError> {
        if rules.len() > RULES_MAX {
            return Err(FaultError::TooMany(rules.len()));
        }
        for (index, rule) in rules.iter().enumerate() {
            check(index, rule)?;
        }
        let any = !rules.is_empty();
        let armed = rules.into_iter().map(|rule| Armed { rule, matched: AtomicU64::new(0) });
        self.rules.store(Some(Arc::new(armed.collect())));
        self.any.store(any, Ordering::Relaxed);
        Ok(())
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> Vec<Rule> {
        let rules = self.rules.load();
        rules.iter().flat_map(|rules| rules.iter()).map(|armed| armed.rule.clone()).collect()
    }

    /// What befalls a request: the first rule that is for it and strikes, if any does.
    #[must_use]
    pub fn strike(&self, door: &str, path: &str) -> Option<Action> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let rules = self.rules.load();
        let rules = rules.as_deref()?;
        rules.iter().find(|armed| armed.strikes(door, path, self.seed)).map(|a| a.rule.action)
    }
}

impl Armed {
    fn strikes(&self, door: &str, path: &str, seed: u64) -> bool {
        let is_here = self.rule.door.as_deref().is_none_or(|meant| meant == door);
        if !is_here || !path.starts_with(&self.rule.path_prefix) {
            return false;
        }
        let matched = self.matched.fetch_add(1, Ordering::Relaxed) + 1;
        match self.rule.when {
            When::EveryNth(nth) => matched.is_multiple_of(u64::from(nth)),
            When::Probability(probability) => fraction(seed, matched) < probability,
        }
    }
}

fn check(index: usize, rule: &Rule) -> Result<(), FaultError> {
    match rule.when {
        When::EveryNth(0) => return Err(FaultError::NeverNth(index)),
        When::Probability(chance) if !(0.0..=1.0).contains(&chance) => {
            return Err(FaultError::Probability(index));
        }
        _ => {}
    }
    match rule.action {
        Action::LatencyMs(over) if over > LATENCY_MAX_MS => Err(FaultError::Latency(index)),
        Action::Refuse(status) if !(400..=599).contains(&status) => Err(FaultError::Status(index)),
        _ => Ok(()),
    }
}

/// A number from 0 to just under 1, evenly spread over the counts (SplitMix64, Steele et al. 2014).
fn fraction(seed: u64, count: u64) -> f64 {
    let mut mixed = seed.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    // 53 bits are what an f64 holds exactly.
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(when: When, action: Action) -> Rule {
        Rule { door: Some("edge".into()), path_prefix: "/s".into(), when, action }
    }

    #[test]
    fn a_rule_befalls_every_nth_of_its_own_requests() {
        let faults = Faults::new(1);
        assert_eq!(faults.strike("edge", "/s"), None);
        faults.set(vec![rule(When::EveryNth(3), Action::Cut)]).unwrap();
        let struck: Vec<bool> = (0..6).map(|_| faults.strike("edge", "/s/a").is_some()).collect();
        assert_eq!(struck, [false, false, true, false, false, true]);
        assert_eq!(faults.strike("admin", "/s"), None);
        assert_eq!(faults.strike("edge", "/other"), None);
        faults.set(Vec::new()).unwrap();
        assert_eq!(faults.strike("edge", "/s"), None);
    }

    #[test]
    fn a_probability_is_kept_and_repeats_with_its_seed() {
        let count = |seed| {
            let faults = Faults::new(seed);
            faults.set(vec![rule(When::Probability(0.25), Action::Refuse(503))]).unwrap();
            (0..10_000).filter(|_| faults.strike("edge", "/s").is_some()).count()
        };
        assert!((2300..2700).contains(&count(7)), "{}", count(7));
        assert_eq!(count(7), count(7));
    }

    #[test]
    fn rules_out_of_bounds_are_refused_and_change_nothing() {
        let faults = Faults::new(1);
        let good = rule(When::EveryNth(1), Action::LatencyMs(5));
        faults.set(vec![good.clone()]).unwrap();
        let refused = |when, action| faults.set(vec![rule(when, action)]).unwrap_err();
        assert_eq!(refused(When::EveryNth(0), Action::Cut), FaultError::NeverNth(0));
        assert_eq!(refused(When::Probability(1.5), Action::Cut), FaultError::Probability(0));
        assert_eq!(refused(When::EveryNth(1), Action::Refuse(200)), FaultError::Status(0));
        assert_eq!(refused(When::EveryNth(1), Action::LatencyMs(60_001)), FaultError::Latency(0));
        assert_eq!(faults.set(vec![good.clone(); 65]), Err(FaultError::TooMany(65)));
        assert_eq!(faults.rules(), [good]);
    }
}
