//! A request with the rules that apply to it: what is charged to whom.

use std::cell::Cell;
use std::sync::Arc;

use crate::algorithm::Algorithm;
use crate::answer::Answer;
use crate::descriptors::Head;
use crate::fixed_window::FixedWindow;
use crate::model::{Override, Request, Ruling, Status, Verdict};
use crate::rules::{KeyHasher, Limit, Manner, Match, OnLimit, Outcome, Rule, RuleSet, Secret};
use crate::table::Charge;
use crate::windowed::COUNT_MAX;

/// What is charged for one descriptor.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) rule: Option<Arc<Rule>>,
    /// None: nothing is limited.
    pub(crate) limit: Option<Limit>,
    pub(crate) manner: Manner,
    pub(crate) key: u64,
    pub(crate) hits: u32,
}

/// The descriptors of a request in their order, and which of them are charged.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) items: Vec<Item>,
    /// Where a limit on concurrency may be among them.
    pub(crate) has_leases: bool,
}

impl Plan {
    /// Finds the rules of `request` in `set`.
    pub(crate) fn of(request: &Request<'_>, set: &RuleSet, secret: Secret) -> Self {
        let mut items: Vec<Item> = Vec::with_capacity(request.descriptors.len());
        let mut replaced: Vec<Arc<Rule>> = Vec::new();
        for descriptor in &request.descriptors {
            let found = set.find(request.domain, descriptor.entries.iter().copied(), secret);
            let mut item = Item::of(found, descriptor.hits.unwrap_or(request.hits));
            if let Some(wanted) = descriptor.limit {
                item.limit = Some(limit_of(wanted));
                if item.key == 0 {
                    let mut hasher = KeyHasher::new(secret, request.domain);
                    descriptor.entries.iter().for_each(|(key, value)| hasher.entry(key, value));
                    item.key = hasher.key();
                }
            }
            replaced.extend(item.replacing());
            items.push(item);
        }
        Self::with(items, &replaced)
    }

    /// Finds the rules of what a gate saw; descriptors without a rule are left out.
    pub(crate) fn of_head(head: &Head<'_>, set: &RuleSet, secret: Secret) -> Self {
        let items: Vec<Item> = matches(head, set, secret).map(|m| Item::of(Some(m), 1)).collect();
        let replaced: Vec<_> = items.iter().filter_map(Item::replacing).collect();
        Self::with(items, &replaced)
    }

    fn with(mut items: Vec<Item>, replaced: &[Arc<Rule>]) -> Self {
        if !replaced.is_empty() {
            drop_replaced(&mut items, replaced);
        }
        let has_leases = items.iter().any(|item| {
            matches!(item.limit, Some(Limit { algorithm: Algorithm::Concurrency(_), .. }))
        });
        Self { items, has_leases }
    }

    /// The items that are limited, with what they are charged under `lease`.
    pub(crate) fn charges(&self, lease: u64) -> Vec<Charge<'_>> {
        let charge = |item| charge_of(item, lease);
        self.items.iter().filter_map(charge).collect()
    }

    /// The one charge where there is just one.
    pub(crate) fn only_charge(&self, lease: u64) -> Option<Charge<'_>> {
        let mut limited = self.items.iter().filter_map(|item| charge_of(item, lease));
        limited.next().filter(|_| limited.next().is_none())
    }

    /// The items that are limited.
    pub(crate) fn limited(&self) -> impl Iterator<Item = (&Item, &Limit)> {
        self.items.iter().filter_map(|item| Some((item, item.limit.as_ref()?)))
    }

    /// The ruling that follows from the answers to [`Plan::charges`], and each rule's count of it.
    pub(crate) fn ruling(self, answers: &[Answer], lease: u64) -> Ruling {
        let mut verdict = Verdict::Ok;
        for ((item, _), answer) in self.limited().zip(answers) {
            verdict = match (answer.admitted || item.manner.shadow, item.manner.on_limit) {
                (true, _) => verdict,
                // Only if every rule that denies keeps the request, it is kept.
                (false, OnLimit::Queue) if verdict != Verdict::OverLimit => Verdict::Queue,
                (false, _) => Verdict::OverLimit,
            };
        }
        let mut answers = answers.iter().copied();
        let statuses = self.items.into_iter().map(|item| {
            let answer = item.limit.and_then(|_| answers.next());
            let over = answer.is_some_and(|answer| !answer.admitted);
            let is_over = over && !item.manner.shadow;
            if let Some(rule) = &item.rule {
                let outcome = match (over, is_over, verdict) {
                    (true, true, Verdict::Queue) => Some(Outcome::Queued),
                    (true, true, _) => Some(Outcome::Denied),
                    (true, false, _) => Some(Outcome::Shadowed),
                    // Admitted, but another rule denied: this one was not charged.
                    (false, ..) => (verdict == Verdict::Ok).then_some(Outcome::Allowed),
                };
                if let Some(outcome) = outcome {
                    rule.counts.add(outcome, item.hits);
                }
            }
            Status { rule: item.rule, limit: item.limit, is_over, answer }
        });
        let statuses = statuses.collect();
        let lease = (self.has_leases && verdict == Verdict::Ok).then_some(lease);
        Ruling { verdict, statuses, lease }
    }
}

/// The rules of what a gate saw, in the order of the recipe.
pub(crate) fn matches<'s>(
    head: &Head<'_>,
    set: &'s RuleSet,
    secret: Secret,
) -> impl Iterator<Item = Match<'s>> {
    head.descriptors().filter_map(move |parts| {
        let missing = Cell::new(false);
        let entries = parts.iter().map_while(|part| {
            let entry = head.entry(part);
            missing.set(entry.is_none());
            entry
        });
        let found = set.find(&head.recipe.domain, entries, secret);
        found.filter(|_| !missing.get())
    })
}

impl Item {
    fn of(found: Option<Match<'_>>, hits: u32) -> Self {
        let rule = found.map(|found| Arc::clone(found.rule));
        Self {
            limit: rule.as_ref().and_then(|rule| rule.limit),
            manner: rule.as_ref().map(|rule| rule.manner).unwrap_or_default(),
            key: found.map_or(0, |found| found.key),
            hits,
            rule,
        }
    }

    /// Its rule, where that keeps others out of the request.
    fn replacing(&self) -> Option<Arc<Rule>> {
        self.rule.clone().filter(|rule| !rule.replaces.is_empty())
    }
}

fn charge_of(item: &Item, lease: u64) -> Option<Charge<'_>> {
    let limit = item.limit.as_ref()?;
    Some(Charge {
        algorithm: &limit.algorithm,
        key: item.key,
        hits: item.hits,
        lease,
        shadow: item.manner.shadow,
    })
}

fn drop_replaced(items: &mut [Item], replacing: &[Arc<Rule>]) {
    for item in items {
        let name = item.rule.as_ref().and_then(|rule| rule.name.as_ref());
        let is_replaced =
            name.is_some_and(|name| replacing.iter().any(|rule| rule.replaces.contains(name)));
        if is_replaced {
            item.limit = None;
            item.rule = None;
        }
    }
}

/// A limit that a request brings along is counted in fixed windows, as its origin does.
fn limit_of(wanted: Override) -> Limit {
    let (requests, period_s) = (wanted.requests, wanted.unit.seconds());
    let window = FixedWindow { limit: requests.min(COUNT_MAX), length_s: period_s };
    let algorithm = if requests == 0 { Algorithm::Deny } else { Algorithm::FixedWindow(window) };
    Limit { algorithm, requests, burst: requests, period_s, unit: wanted.unit }
}
