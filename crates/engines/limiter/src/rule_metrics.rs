//! What each rule decided, as metrics: the counts that every rule keeps anyway, read at a scrape.
//!
//! Labels come from rule files and never from callers, so their number is that of the rules; those
//! past the bound of a metric family are added up as `other`. Namespaces count into one. The
//! counts of a rule end when it is taken out of its file.

use std::collections::BTreeMap;
use std::sync::{Arc, Once, Weak};

use kit::telemetry::metrics::Metrics;
use parking_lot::Mutex;

use crate::service::Limiter;

const NAME: &str = "backplane_limiter_rule_hits";
const HELP: &str = "Hits of each rule, by what it decided";

/// The limiters whose rules are shown.
pub(crate) struct RuleMetrics {
    registered: Once,
    limiters: Arc<Mutex<Vec<Weak<Limiter>>>>,
}

impl RuleMetrics {
    /// None yet.
    pub(crate) fn new() -> Self {
        Self { registered: Once::new(), limiters: Arc::default() }
    }

    /// Shows the rules of `limiter` in `metrics` too, as long as it lives.
    pub(crate) fn watch(&self, limiter: &Arc<Limiter>, metrics: &Metrics) {
        let mut limiters = self.limiters.lock();
        limiters.retain(|limiter| limiter.strong_count() > 0);
        limiters.push(Arc::downgrade(limiter));
        drop(limiters);
        self.registered.call_once(|| {
            let limiters = Arc::clone(&self.limiters);
            metrics.scraped_counters(NAME, HELP, &["rule", "outcome"], move || read(&limiters));
        });
    }
}

/// Counts other than 0, in the order of the rules' places.
fn read(limiters: &Mutex<Vec<Weak<Limiter>>>) -> Vec<(Vec<String>, u64)> {
    let limiters: Vec<_> = limiters.lock().iter().filter_map(Weak::upgrade).collect();
    let mut counts: BTreeMap<(String, &str), u64> = BTreeMap::new();
    for limiter in limiters {
        for rule in limiter.rules.load().rules() {
            for (outcome, count) in rule.outcomes() {
                if count > 0 {
                    *counts.entry((rule.place.clone(), outcome)).or_default() += count;
                }
            }
        }
    }
    let labelled =
        |((rule, outcome), count): ((String, &str), u64)| (vec![rule, outcome.to_owned()], count);
    counts.into_iter().map(labelled).collect()
}
