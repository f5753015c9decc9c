//! The verbs: decide, explain, give back, look, reset; rules come and go in `files`.
//!
//! The path of a decision: rules are found in the snapshot ([`crate::plan`]), all limits are
//! charged at once or none ([`crate::table`], or [`crate::shared`] where instances share a store),
//! and the ruling is counted.

pub mod later;

use std::sync::Arc;

use kit::auth::{AuthError, Kind, Principal};
use kit::clock::Clock;
use kit::entropy::Entropy;
use kit::telemetry::metrics::Counter;
use parking_lot::Mutex;

use crate::answer::Answer;
use crate::deferred::Deferred;
use crate::descriptors::Head;
use crate::model::{BadRequest, Request, Ruling, Status, Verdict, describe};
use crate::offenders::Offenders;
use crate::plan::Plan;
use crate::recording::Recording;
use crate::rules::{Rules, Secret};
use crate::shared::Shared;
use crate::table::{Charge, Table};

/// The limiter of one namespace.
pub struct Limiter {
    /// What applies.
    pub rules: Rules,
    pub(crate) table: Table,
    pub(crate) secret: Secret,
    pub(crate) clock: Clock,
    pub(crate) entropy: Entropy,
    pub(crate) shared: Option<Arc<Shared>>,
    pub(crate) deferred: Deferred,
    pub(crate) recording: Recording,
    pub(crate) offenders: Mutex<Offenders>,
    pub(crate) rule_files: crate::rule_files::RuleFiles,
    pub(crate) decided: Decided,
    /// Whether callers without a credential are ruled on.
    pub(crate) anonymous: bool,
}

/// What a principal needs to have requests ruled on and to take kept ones.
pub const DECIDE: &str = "limiter:decide";

/// Counters of the whole process.
pub(crate) struct Decided {
    pub(crate) ok: Counter,
    pub(crate) over: Counter,
    pub(crate) queued: Counter,
}

impl Limiter {
    /// Rules on a request.
    ///
    /// # Errors
    /// [`BadRequest`] when it is no request to rule on.
    pub async fn decide(&self, request: &Request<'_>) -> Result<Ruling, BadRequest> {
        match &self.shared {
            None => self.decide_here(request),
            Some(shared) => {
                request.check()?;
                let now_us = self.now_us();
                let plan = self.plan(request);
                let lease = self.lease_for(&plan);
                let answers = shared.decide(&plan, &self.table, (now_us, lease)).await;
                Ok(self.rule(|| request.clone(), plan, &answers, (now_us, lease)))
            }
        }
    }

    /// Rules on a request at once, from this instance's own counts.
    ///
    /// # Errors
    /// [`BadRequest`] when it is no request to rule on.
    pub fn decide_here(&self, request: &Request<'_>) -> Result<Ruling, BadRequest> {
        request.check()?;
        let now_us = self.now_us();
        let plan = self.plan(request);
        Ok(self.charge_here(|| request.clone(), plan, now_us))
    }

    /// As [`Limiter::decide_here`] for what a gate saw of a request; its statuses are those of the
    /// rules that apply.
    pub(crate) fn decide_head(&self, head: &Head<'_>) -> Ruling {
        let now_us = self.now_us();
        let plan = Plan::of_head(head, &self.rules.load(), self.secret);
        self.charge_here(|| head.request(), plan, now_us)
    }

    /// `request` is asked for only where it is kept or named.
    fn charge_here<'r>(
        &self,
        request: impl Fn() -> Request<'r>,
        plan: Plan,
        now_us: u64,
    ) -> Ruling {
        let lease = self.lease_for(&plan);
        if let Some(answer) = plan.only_charge(lease).map(|only| self.table.decide(&only, now_us)) {
            return self.rule(request, plan, &[answer], (now_us, lease));
        }
        let answers = self.table.decide_all(&plan.charges(lease), now_us);
        self.rule(request, plan, &answers, (now_us, lease))
    }

    /// Whether a caller may have requests ruled on.
    ///
    /// # Errors
    /// [`AuthError`] when it may not.
    pub fn may_decide(&self, principal: &Principal) -> Result<(), AuthError> {
        if self.anonymous && principal.kind == Kind::Anonymous {
            return Ok(());
        }
        principal.require(DECIDE)
    }

    /// Whether a decision needs no other process.
    pub fn is_local(&self) -> bool {
        self.shared.is_none()
    }

    /// What would be ruled on a request now, for every rule that applies; nothing is charged.
    /// [`Answer::retry_us`] is the time to the next free instant of this caller.
    ///
    /// # Errors
    /// [`BadRequest`] when it is no request to rule on.
    pub async fn explain(&self, request: &Request<'_>) -> Result<Vec<Status>, BadRequest> {
        request.check()?;
        let plan = self.plan(request);
        let answers = self.look(&plan).await;
        let mut answers = answers.into_iter();
        let status = |item: crate::plan::Item| {
            let answer = item.limit.and_then(|_| answers.next());
            let is_over = answer.is_some_and(|answer| !answer.admitted) && !item.manner.shadow;
            Status { rule: item.rule, limit: item.limit, is_over, answer }
        };
        Ok(plan.items.into_iter().map(status).collect())
    }

    async fn look(&self, plan: &Plan) -> Vec<Answer> {
        let now_us = self.now_us();
        if let Some(shared) = &self.shared
            && let Ok(answers) = shared.look(plan).await
        {
            return answers;
        }
        plan.charges(0).iter().map(|charge| self.table.look(charge, now_us)).collect()
    }

    /// Gives back what a request was charged: the unused part of a reservation (its `hits`), or
    /// the lease it held.
    ///
    /// # Errors
    /// [`BadRequest`] when it is no request.
    pub async fn give_back(&self, request: &Request<'_>, lease: u64) -> Result<(), BadRequest> {
        request.check()?;
        let plan = self.plan(request);
        let charges = plan.charges(lease);
        for charge in &charges {
            self.table.give_back(charge);
        }
        if let Some(shared) = &self.shared {
            shared.give_back(&charges).await;
        }
        Ok(())
    }

    /// Gives back the lease of a request from this instance's own counts.
    pub(crate) fn release_here(&self, request: &Request<'_>, lease: u64) {
        let plan = self.plan(request);
        for charge in plan.charges(lease) {
            self.table.give_back(&charge);
        }
    }

    /// Gives the counters of a request's descriptors their whole limit again.
    ///
    /// # Errors
    /// [`BadRequest`] when it is no request.
    pub async fn reset(&self, request: &Request<'_>) -> Result<(), BadRequest> {
        request.check()?;
        let plan = self.plan(request);
        let charges = plan.charges(0);
        for charge in &charges {
            self.table.reset(charge.algorithm, charge.key);
        }
        if let Some(shared) = &self.shared {
            shared.reset(&charges).await;
        }
        Ok(())
    }

    /// Decides on one key that no rule names, as the throttle command of RESP does.
    pub async fn throttle(&self, charge: &Charge<'_>) -> Answer {
        match &self.shared {
            None => self.table.decide(charge, self.now_us()),
            Some(shared) => shared.throttle(charge, &self.table, self.now_us()).await,
        }
    }

    /// As [`Limiter::throttle`] from this instance's own counts.
    pub fn throttle_here(&self, charge: &Charge<'_>) -> Answer {
        self.table.decide(charge, self.now_us())
    }

    /// The secret by which callers are hashed.
    pub fn secret(&self) -> Secret {
        self.secret
    }

    /// Bytes that the counts take, and how many callers mean something.
    pub fn memory(&self) -> (usize, usize) {
        let live = self.table.sweep(self.now_us());
        (self.table.bytes(), live)
    }

    /// Tries other rules on the recorded decisions.
    pub fn rehearse(&self, candidate: &crate::rules::RuleSet) -> crate::recording::Rehearsal {
        self.recording.rehearse(candidate, self.secret)
    }

    /// Why the rule files as they are now are not in force, if they are not.
    pub fn refusal(&self) -> Option<String> {
        self.rule_files.refusal()
    }

    /// Those denied most, the worst first.
    pub fn offenders(&self, count: usize) -> Vec<crate::offenders::Offender> {
        self.offenders.lock().top(count)
    }

    pub(crate) fn now_us(&self) -> u64 {
        u64::try_from(self.clock.now().micros()).unwrap_or(0)
    }

    fn plan(&self, request: &Request<'_>) -> Plan {
        Plan::of(request, &self.rules.load(), self.secret)
    }

    /// An id for the lease of a request that may need one.
    fn lease_for(&self, plan: &Plan) -> u64 {
        if plan.has_leases { self.entropy.number() >> 1 | 1 } else { 0 }
    }

    fn rule<'r>(
        &self,
        request: impl Fn() -> Request<'r>,
        plan: Plan,
        answers: &[Answer],
        (now_us, lease): (u64, u64),
    ) -> Ruling {
        let denied = plan.limited().zip(answers).find(|(_, answer)| !answer.admitted);
        if let Some(((item, _), _)) = denied {
            self.note_offender(&request(), item);
        }
        let ruling = plan.ruling(answers, lease);
        match ruling.verdict {
            Verdict::Ok => self.decided.ok.inc(),
            Verdict::OverLimit => self.decided.over.inc(),
            Verdict::Queue => self.decided.queued.inc(),
        };
        if self.recording.is_on() {
            self.recording.add(&request(), &ruling, now_us);
        }
        ruling
    }

    fn note_offender(&self, request: &Request<'_>, item: &crate::plan::Item) {
        let (rules, secret) = (self.rules.load(), self.secret);
        let name = || {
            let entries = request.descriptors.iter().map(|descriptor| &descriptor.entries);
            let mut matching = entries.filter(|entries| {
                let found = rules.find(request.domain, entries.iter().copied(), secret);
                found.is_some_and(|found| found.key == item.key)
            });
            let entries = matching.next().map(|entries| describe(entries)).unwrap_or_default();
            format!("{}: {entries}", request.domain)
        };
        self.offenders.lock().add(item.key, item.hits.into(), name);
    }
}
