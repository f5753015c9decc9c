//! Counters that several instances share, in a store that speaks RESP and runs Lua (Redis 7,
//! Valkey): one script a decision, whatever the number of limits.
//!
//! Before the store is asked, [`crate::over_cache`] answers for callers that are over their limit,
//! and [`crate::permits`] for rules in soft mode. When it cannot be asked, each rule goes its way:
//! this instance's own table, or a refusal.

mod link;

use kit::telemetry::metrics::Metrics;
use redis::Script;

use crate::algorithm::Algorithm;
use crate::answer::{Answer, NEVER};
use crate::over_cache::{Asked, OverCache};
use crate::permits::Permits;
use crate::plan::Plan;
use crate::rules::{Mode, OnFailure, Outcome};
use crate::table::{Charge, Table};

use link::Link;
pub use link::LinkSettings;
pub(crate) use link::{PROBE_EVERY, StoreError};

/// Memory for callers that are over their limit, in bytes.
const OVER_BYTES_MAX: usize = 16 << 20;
/// What a refusal tells when the store could not be asked.
const FAILED_RETRY_US: u64 = 1_000_000;

/// The shared store as one namespace uses it.
pub struct Shared {
    link: Link,
    decide: Script,
    give_back: Script,
    over: OverCache,
    permits: Permits,
    /// In front of every key, with the namespace.
    prefix: String,
    /// Tells requests of this instance apart from those of others.
    instance: String,
    requests: std::sync::atomic::AtomicU64,
}

/// Who shares the store.
#[derive(Clone, Debug)]
pub struct Sharing {
    /// In front of every key.
    pub prefix: String,
    /// A text no other instance has.
    pub instance: String,
    /// How many instances there are.
    pub instances: u32,
}

/// One limit with what decides on how it is asked.
struct Ask<'p> {
    charge: Charge<'p>,
    /// Requests, overrun in percent and period of a rule in soft mode.
    soft: Option<(u32, u32, u64)>,
    is_closed: bool,
}

impl Shared {
    /// A store that was not reached yet.
    ///
    /// # Errors
    /// When the URL is none of a store.
    pub fn new(
        settings: LinkSettings,
        sharing: Sharing,
        metrics: &Metrics,
    ) -> Result<Self, String> {
        Ok(Self {
            link: Link::new(settings, metrics)?,
            decide: Script::new(include_str!("shared/decide.lua")),
            give_back: Script::new(include_str!("shared/give_back.lua")),
            over: OverCache::new(OVER_BYTES_MAX),
            permits: Permits::new(sharing.instances),
            prefix: sharing.prefix,
            instance: sharing.instance,
            requests: std::sync::atomic::AtomicU64::new(0),
        })
    }

    /// Tries the store if it is down.
    pub async fn probe(&self) {
        self.link.probe().await;
    }

    /// Decides on the limits of a plan, all charged or none.
    pub(crate) async fn decide(
        &self,
        plan: &Plan,
        fallback: &Table,
        (now_us, lease): (u64, u64),
    ) -> Vec<Answer> {
        let charges = plan.charges(lease);
        let asks: Vec<Ask<'_>> = charges
            .iter()
            .zip(plan.limited())
            .map(|(charge, (item, limit))| Ask {
                charge: *charge,
                soft: match item.manner.mode {
                    Mode::Hard => None,
                    Mode::Soft { overrun_percent } => {
                        let period_us = u64::from(limit.period_s) * 1_000_000;
                        Some((limit.requests, overrun_percent, period_us))
                    }
                },
                is_closed: item.manner.on_failure == OnFailure::Closed,
            })
            .collect();
        match self.ask(&asks, now_us).await {
            Ok(answers) => answers,
            Err(error) => {
                tracing::debug!(%error, "a decision went its rules' way");
                for (item, _) in plan.limited() {
                    if let Some(rule) = &item.rule {
                        rule.counts.add(Outcome::Failed, item.hits);
                    }
                }
                go_own_way(&asks, fallback, now_us)
            }
        }
    }

    /// Decides on one limit that no rule names.
    pub(crate) async fn throttle(
        &self,
        charge: &Charge<'_>,
        fallback: &Table,
        now_us: u64,
    ) -> Answer {
        let asks = [Ask { charge: *charge, soft: None, is_closed: false }];
        match self.ask(&asks, now_us).await {
            Ok(answers) => answers.first().copied().unwrap_or(Answer::DENIED),
            Err(_) => fallback.decide(charge, now_us),
        }
    }

    /// What [`Shared::decide`] would say, with what is left before it.
    pub(crate) async fn look(&self, plan: &Plan) -> Result<Vec<Answer>, StoreError> {
        let charges = plan.charges(0);
        let mut answers = self.run("look", &charges).await?;
        for (answer, charge) in answers.iter_mut().zip(&charges) {
            if answer.admitted {
                answer.remaining = answer.remaining.saturating_add(charge.hits);
            }
        }
        Ok(answers)
    }

    /// Gives back what was charged. A store that is down forgets nothing and gives nothing back.
    pub(crate) async fn give_back(&self, charges: &[Charge<'_>]) {
        for charge in charges {
            let (kind, [cost, ..], _) = parameters(charge.algorithm);
            self.change(charge, kind, cost).await;
        }
    }

    /// Forgets the keys.
    pub(crate) async fn reset(&self, charges: &[Charge<'_>]) {
        for charge in charges {
            self.permits.forget(charge.key);
            self.change(charge, "reset", 0).await;
        }
    }

    async fn change(&self, charge: &Charge<'_>, kind: &'static str, cost: u64) {
        self.over.clear();
        let changed: Result<i64, _> = self
            .link
            .run(&self.give_back, |call| {
                call.key(self.key(charge));
                call.arg(kind).arg(cost).arg(charge.hits).arg(charge.lease);
            })
            .await;
        if let Err(error) = changed {
            tracing::warn!(%error, "nothing was given back");
        }
    }

    /// Answers what needs no store, and asks it for the rest.
    async fn ask(&self, asks: &[Ask<'_>], now_us: u64) -> Result<Vec<Answer>, StoreError> {
        let known = |ask: &Ask<'_>| self.known_denial(&ask.charge, now_us);
        let mut settled: Vec<Option<Answer>> = asks.iter().map(known).collect();
        let is_denied = |(ask, answer): (&Ask<'_>, &Option<Answer>)| {
            answer.is_some_and(|answer| !answer.admitted) && !ask.charge.shadow
        };
        if asks.iter().zip(&settled).any(is_denied) {
            let unknown = Answer { admitted: true, ..Answer::default() };
            return Ok(settled.into_iter().map(|answer| answer.unwrap_or(unknown)).collect());
        }
        let spent = self.spend_permits(asks, &mut settled, now_us);
        let open = asks.iter().zip(&settled).filter(|(_, answer)| answer.is_none());
        let unsettled: Vec<&Ask<'_>> = open.map(|(ask, _)| ask).collect();
        if !unsettled.is_empty() {
            let answers = self.ask_store(&unsettled, now_us).await;
            if !answers.as_ref().is_ok_and(|answers| !denies(&unsettled, answers)) {
                for (charge, period_us) in spent {
                    self.permits.hold(charge.key, charge.hits, (now_us, period_us));
                }
            }
            let mut answers = answers?.into_iter();
            for answer in settled.iter_mut().filter(|answer| answer.is_none()) {
                *answer = answers.next();
            }
        }
        Ok(settled.into_iter().map(|answer| answer.unwrap_or(Answer::DENIED)).collect())
    }

    /// Settles rules in soft mode by permits that this instance holds; gives what was spent, with
    /// the period of each.
    fn spend_permits<'p>(
        &self,
        asks: &[Ask<'p>],
        settled: &mut [Option<Answer>],
        now_us: u64,
    ) -> Vec<(Charge<'p>, u64)> {
        let mut spent = Vec::new();
        for (ask, answer) in asks.iter().zip(settled) {
            let (Some((.., period_us)), None) = (ask.soft, &answer) else { continue };
            if let Some(left) = self.permits.spend(ask.charge.key, ask.charge.hits, now_us) {
                *answer = Some(Answer { admitted: true, remaining: left, ..Answer::default() });
                spent.push((ask.charge, period_us));
            }
        }
        spent
    }

    fn known_denial(&self, charge: &Charge<'_>, now_us: u64) -> Option<Answer> {
        match charge.algorithm {
            Algorithm::Deny => Some(Answer::DENIED),
            algorithm => {
                let asked = Asked { key: charge.key, algorithm, hits: charge.hits };
                self.over.find(&asked, now_us)
            }
        }
    }

    /// Asks the store, for whole batches of rules in soft mode; for just what is needed when there
    /// is no whole batch left.
    async fn ask_store(&self, asks: &[&Ask<'_>], now_us: u64) -> Result<Vec<Answer>, StoreError> {
        let batch = |ask: &&Ask<'_>| match ask.soft {
            Some((requests, overrun, _)) if ask.charge.hits > 0 => {
                self.permits.batch(requests, overrun, ask.charge.hits)
            }
            _ => ask.charge.hits,
        };
        let batched: Vec<Charge<'_>> =
            asks.iter().map(|ask| Charge { hits: batch(ask), ..ask.charge }).collect();
        let plain: Vec<Charge<'_>> = asks.iter().map(|ask| ask.charge).collect();
        let mut answers = self.run("charge", &batched).await?;
        let has_batches = batched.iter().zip(&plain).any(|(batch, one)| batch.hits > one.hits);
        if has_batches && denies(asks, &answers) {
            answers = self.run("charge", &plain).await?;
        } else if has_batches {
            for (ask, batch) in asks.iter().zip(&batched) {
                if let Some((.., period_us)) = ask.soft {
                    let more = batch.hits - ask.charge.hits;
                    self.permits.hold(ask.charge.key, more, (now_us, period_us));
                }
            }
        }
        for (charge, answer) in plain.iter().zip(&answers) {
            let asked = Asked { key: charge.key, algorithm: charge.algorithm, hits: charge.hits };
            self.over.keep(&asked, answer, now_us);
        }
        Ok(answers)
    }

    /// One call of the script. A key that stands there twice is charged once for both.
    async fn run(
        &self,
        mode: &'static str,
        charges: &[Charge<'_>],
    ) -> Result<Vec<Answer>, StoreError> {
        let mut distinct: Vec<Charge<'_>> = Vec::with_capacity(charges.len());
        let mut places = Vec::with_capacity(charges.len());
        for charge in charges {
            match distinct.iter().position(|other| other.key == charge.key) {
                Some(at) => {
                    distinct[at].hits = distinct[at].hits.saturating_add(charge.hits);
                    places.push(at);
                }
                None => {
                    places.push(distinct.len());
                    distinct.push(*charge);
                }
            }
        }
        let number = self.requests.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let numbers: Vec<i64> = self
            .link
            .run(&self.decide, |call| {
                call.arg(mode);
                for charge in &distinct {
                    let (kind, [one, two, three], logs_rejected) = parameters(charge.algorithm);
                    call.key(self.key(charge));
                    call.arg(kind).arg(one).arg(two).arg(three).arg(charge.hits);
                    call.arg(charge.lease).arg(u8::from(charge.shadow));
                    call.arg(u8::from(logs_rejected));
                    call.arg(format!("{}:{number}", self.instance));
                }
            })
            .await?;
        let answer = |(at, charge): (usize, &Charge<'_>)| {
            let numbers = numbers.get(at * 5..at * 5 + 5);
            numbers.map_or(Answer::DENIED, |numbers| answer_of(numbers, charge.algorithm))
        };
        Ok(places.into_iter().zip(charges).map(answer).collect())
    }

    /// With the kind of its value: a rule that changes its algorithm counts anew.
    fn key(&self, charge: &Charge<'_>) -> String {
        let (kind, ..) = parameters(charge.algorithm);
        format!("{}{kind}:{:016x}", self.prefix, charge.key)
    }
}

/// Whether an answer denies the request: one of a rule in shadow mode does not.
fn denies(asks: &[&Ask<'_>], answers: &[Answer]) -> bool {
    asks.iter().zip(answers).any(|(ask, answer)| !answer.admitted && !ask.charge.shadow)
}

/// How the script is told of an algorithm: its kind, three parameters, and whether rejected
/// requests are logged. [`Algorithm::Deny`] admits nothing as a window of none.
fn parameters(algorithm: &Algorithm) -> (&'static str, [u64; 3], bool) {
    const SECOND_US: u64 = 1_000_000;
    match algorithm {
        Algorithm::Deny => ("f", [0, SECOND_US, 0], false),
        Algorithm::Gcra(gcra) => {
            let (cost_us, burst_us) = gcra.costs_us();
            ("g", [cost_us, burst_us, 0], false)
        }
        Algorithm::LeakingBucket(bucket) => {
            let (cost_us, burst_us) = bucket.0.costs_us();
            ("g", [cost_us, burst_us, 0], false)
        }
        Algorithm::IntervalBucket(bucket) => {
            let interval_us = u64::from(bucket.interval_s) * SECOND_US;
            ("i", [bucket.size.into(), bucket.refill.into(), interval_us], false)
        }
        Algorithm::FixedWindow(window) => {
            ("f", [window.limit.into(), u64::from(window.length_s) * SECOND_US, 0], false)
        }
        Algorithm::SlidingCounter(counter) => {
            let is_up = counter.rounding == crate::sliding_counter::Rounding::Up;
            let length_us = u64::from(counter.length_s) * SECOND_US;
            ("s", [counter.limit.into(), length_us, u64::from(is_up)], false)
        }
        Algorithm::SubWindows(windows) => {
            ("k", [windows.limit.into(), windows.length_us, windows.parts.into()], false)
        }
        Algorithm::SlidingLog(log) => {
            ("l", [log.limit.into(), log.length_us, 0], log.count_rejected)
        }
        Algorithm::Concurrency(leases) => ("c", [leases.limit.into(), leases.lease_us, 0], false),
    }
}

fn answer_of(numbers: &[i64], algorithm: &Algorithm) -> Answer {
    let at = |index: usize| numbers.get(index).copied().unwrap_or(0);
    let micros = |number: i64| u64::try_from(number).unwrap_or(0);
    let is_queue = matches!(algorithm, Algorithm::LeakingBucket(_));
    Answer {
        admitted: at(0) == 1,
        remaining: u32::try_from(at(1)).unwrap_or(0),
        reset_us: micros(at(2)),
        retry_us: if at(3) < 0 { NEVER } else { micros(at(3)) },
        delay_us: if is_queue { micros(at(4)) } else { 0 },
    }
}

/// The store cannot be asked: rules that fail closed refuse, the others count by this instance.
fn go_own_way(asks: &[Ask<'_>], fallback: &Table, now_us: u64) -> Vec<Answer> {
    let refusal = Answer { retry_us: FAILED_RETRY_US, ..Answer::DENIED };
    let refuses = |ask: &Ask<'_>| ask.is_closed && !ask.charge.shadow;
    if asks.iter().any(refuses) {
        return asks
            .iter()
            .map(|ask| match refuses(ask) {
                true => refusal,
                false => fallback.look(&ask.charge, now_us),
            })
            .collect();
    }
    let charges: Vec<Charge<'_>> = asks.iter().map(|ask| ask.charge).collect();
    fallback.decide_all(&charges, now_us)
}
