//! Counters that several instances share, in a store that speaks RESP and runs Lua (Redis 7,
//! Valkey): a decision is one step of a script, whatever the number of limits, and decisions that
//! wait for a connection share a call of it.
//!
//! Before the store is asked, [`crate::over_cache`] answers for callers that are over their limit,
//! and [`crate::permits`] for rules in soft mode. When it cannot be asked, each rule goes its way:
//! this instance's own table, or a refusal.

mod call;
mod lane;
mod link;
mod message;

use kit::telemetry::metrics::Metrics;
use redis::Script;

use crate::algorithm::Algorithm;
use crate::answer::Answer;
use crate::over_cache::{self, OverCache};
use crate::permits::Permits;
use crate::plan::Plan;
use crate::rules::{Mode, OnFailure, Outcome};
use crate::table::{Charge, Table};

use call::{Asked, Decider, Terms, lease_text};
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
    give_back: Script,
    over: OverCache,
    permits: Permits,
    /// In front of every key, with the namespace.
    prefix: String,
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
            link: Link::new(settings, Decider::new(sharing.instance), metrics)?,
            give_back: Script::new(include_str!("shared/give_back.lua")),
            over: OverCache::new(OVER_BYTES_MAX),
            permits: Permits::new(sharing.instances),
            prefix: sharing.prefix,
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
        let mut answers = self.run(call::Mode::Look, &charges).await?;
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
            self.change(charge, None).await;
        }
    }

    /// Forgets the keys.
    pub(crate) async fn reset(&self, charges: &[Charge<'_>]) {
        for charge in charges {
            self.permits.forget(charge.key);
            self.change(charge, Some("reset")).await;
        }
    }

    /// Gives back what was charged, or does what `verb` says.
    async fn change(&self, charge: &Charge<'_>, verb: Option<&'static str>) {
        self.over.clear();
        let terms = Terms::of(charge.algorithm, charge.shadow);
        let changed: Result<i64, _> = self
            .link
            .run_script(&self.give_back, |call| {
                call.key(terms.key(&self.prefix, charge.key));
                call.arg(verb.unwrap_or(terms.kind)).arg(terms.parameters[0]);
                call.arg(charge.hits).arg(lease_text(charge.lease));
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
                let asked = over_cache::Asked { key: charge.key, algorithm, hits: charge.hits };
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
        let mut answers = self.run(call::Mode::Charge, &batched).await?;
        let has_batches = batched.iter().zip(&plain).any(|(batch, one)| batch.hits > one.hits);
        if has_batches && denies(asks, &answers) {
            answers = self.run(call::Mode::Charge, &plain).await?;
        } else if has_batches {
            for (ask, batch) in asks.iter().zip(&batched) {
                if let Some((.., period_us)) = ask.soft {
                    let more = batch.hits - ask.charge.hits;
                    self.permits.hold(ask.charge.key, more, (now_us, period_us));
                }
            }
        }
        for (charge, answer) in plain.iter().zip(&answers) {
            let asked = over_cache::Asked {
                key: charge.key,
                algorithm: charge.algorithm,
                hits: charge.hits,
            };
            self.over.keep(&asked, answer, now_us);
        }
        Ok(answers)
    }

    /// What the store says to a request of these charges.
    async fn run(
        &self,
        mode: call::Mode,
        charges: &[Charge<'_>],
    ) -> Result<Vec<Answer>, StoreError> {
        if charges.is_empty() {
            return Ok(Vec::new());
        }
        // A key that stands there twice is charged once for both.
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
        let asked = Asked::new(&self.prefix, &distinct);
        let answers = match mode {
            call::Mode::Charge => self.link.decide(asked).await?,
            call::Mode::Look => self.link.look(asked).await?,
        };
        let answer = |at| answers.get(at).copied().unwrap_or(Answer::DENIED);
        Ok(places.into_iter().map(answer).collect())
    }
}

/// Whether an answer denies the request: one of a rule in shadow mode does not.
fn denies(asks: &[&Ask<'_>], answers: &[Answer]) -> bool {
    asks.iter().zip(answers).any(|(ask, answer)| !answer.admitted && !ask.charge.shadow)
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
