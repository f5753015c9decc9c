//! The types of the HTTP API; they never leave this door.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::{Answer, NEVER};
use crate::deferred::Waiting;
use crate::model::{Descriptor, Override, Request, Ruling, Status, Verdict};
use crate::recording::Rehearsal;
use crate::rules::{Rule, Tally, Unit};

/// Whether a request may pass.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LimitRequest {
    /// The rules to go by.
    pub domain: String,
    /// What is known of the request.
    pub descriptors: Vec<LimitDescriptor>,
    /// How much it counts; 1 unless told, 0 only looks.
    pub hits: Option<u32>,
    /// What is to be processed later, where a rule keeps requests over its limit.
    pub payload: Option<String>,
    /// The lease to give back.
    pub lease: Option<u64>,
}

/// Keys and values that together match at most one rule.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LimitDescriptor {
    /// In the order of the rules' nesting.
    pub entries: Vec<LimitEntry>,
    /// How much it counts here.
    pub hits: Option<u32>,
    /// A limit that comes with the request, such as that of the caller's plan.
    pub limit: Option<LimitOverride>,
}

/// A key and its value.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LimitEntry {
    /// Such as `remote_address`.
    pub key: String,
    /// Such as `10.0.0.1`.
    #[serde(default)]
    pub value: String,
}

/// A limit that comes with a request.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LimitOverride {
    /// In each unit.
    pub requests_per_unit: u32,
    /// `second`, `minute`, `hour`, `day`, `week`, `month` or `year`.
    pub unit: LimitUnit,
}

/// A unit of time.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "they are words")]
pub enum LimitUnit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl From<LimitUnit> for Unit {
    fn from(unit: LimitUnit) -> Self {
        match unit {
            LimitUnit::Second => Self::Second,
            LimitUnit::Minute => Self::Minute,
            LimitUnit::Hour => Self::Hour,
            LimitUnit::Day => Self::Day,
            LimitUnit::Week => Self::Week,
            LimitUnit::Month => Self::Month,
            LimitUnit::Year => Self::Year,
        }
    }
}

impl LimitRequest {
    pub(super) fn request(&self) -> Request<'_> {
        let limit = |limit: &LimitOverride| Override {
            requests: limit.requests_per_unit,
            unit: limit.unit.into(),
        };
        let descriptors = self.descriptors.iter().map(|wire| Descriptor {
            entries: entries(&wire.entries),
            limit: wire.limit.as_ref().map(limit),
            hits: wire.hits,
        });
        Request {
            domain: &self.domain,
            descriptors: descriptors.collect(),
            hits: self.hits.unwrap_or(1),
        }
    }
}

fn entries(entries: &[LimitEntry]) -> Vec<(&str, &str)> {
    entries.iter().map(|entry| (entry.key.as_str(), entry.value.as_str())).collect()
}

/// What is ruled on a request.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitRuling {
    /// `OK`, `OVER_LIMIT` or `QUEUED`.
    pub code: &'static str,
    /// For each descriptor, in their order.
    pub statuses: Vec<LimitStatus>,
    /// Seconds after which a retry makes sense.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_s: Option<u32>,
    /// How long the request waits for its turn, in milliseconds, where a rule says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// To be given back at `/release` when the request is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease: Option<u64>,
    /// Under which number a request waits that was kept for later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queued_as: Option<i64>,
}

/// What one descriptor's rule says.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitStatus {
    /// `OK` or `OVER_LIMIT`.
    pub code: &'static str,
    /// The rule's place, such as `auth:/auth_type=login`; absent where none applies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Requests in each period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The period in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period_s: Option<u32>,
    /// What is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<u32>,
    /// Seconds until the whole limit is there again, or the window ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_s: Option<u32>,
    /// Microseconds until the next free instant of this caller: 0 is now, absent is never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub free_in_us: Option<u64>,
    /// Whether the rule only reports.
    pub shadow: bool,
}

impl LimitRuling {
    pub(super) fn of(ruling: &Ruling) -> Self {
        let delay_us = ruling.delay_us();
        Self {
            code: match ruling.verdict {
                Verdict::Ok => "OK",
                Verdict::OverLimit => "OVER_LIMIT",
                Verdict::Queue => "QUEUED",
            },
            statuses: ruling.statuses.iter().map(LimitStatus::of).collect(),
            retry_after_s: ruling.retry_after_s(),
            delay_ms: (delay_us > 0).then(|| delay_us.div_ceil(1_000)),
            lease: ruling.lease,
            queued_as: None,
        }
    }
}

impl LimitStatus {
    pub(super) fn of(status: &Status) -> Self {
        let answer = status.answer;
        let of = |number: fn(&Answer) -> u32| answer.as_ref().map(number);
        Self {
            code: if status.is_over { "OVER_LIMIT" } else { "OK" },
            rule: status.rule.as_ref().map(|rule| rule.place.clone()),
            limit: status.limit.map(|limit| limit.requests),
            period_s: status.limit.map(|limit| limit.period_s),
            remaining: of(|answer| answer.remaining),
            reset_s: of(Answer::reset_s),
            free_in_us: answer.map(|answer| answer.retry_us).filter(|wait_us| *wait_us != NEVER),
            shadow: status.rule.as_ref().is_some_and(|rule| rule.manner.shadow),
        }
    }
}

/// Every rule that applies to a request, and where its caller stands.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitExplanation {
    /// For each descriptor, in their order.
    pub statuses: Vec<LimitStatus>,
}

/// A rule and what it decided so far, in hits.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "see the schema's fields")]
pub struct LimitRule {
    pub rule: String,
    pub name: Option<String>,
    /// Absent where everything passes.
    pub requests_per_unit: Option<u32>,
    pub period_s: Option<u32>,
    pub shadow: bool,
    pub allowed: u64,
    pub denied: u64,
    pub shadowed: u64,
    pub queued: u64,
    /// Decided without the shared store, because it did not answer.
    pub failed: u64,
}

impl LimitRule {
    pub(super) fn of(rule: &Rule) -> Self {
        let tally = rule.counts.tally();
        Self {
            requests_per_unit: rule.limit.map(|limit| limit.requests),
            period_s: rule.limit.map(|limit| limit.period_s),
            name: rule.name.clone(),
            shadow: rule.manner.shadow,
            ..Self::tallied(rule.place.clone(), tally)
        }
    }

    fn tallied(rule: String, tally: Tally) -> Self {
        let Tally { allowed, denied, shadowed, queued, failed } = tally;
        let (name, requests_per_unit, period_s, shadow) = (None, None, None, false);
        Self {
            rule,
            name,
            requests_per_unit,
            period_s,
            shadow,
            allowed,
            denied,
            shadowed,
            queued,
            failed,
        }
    }
}

/// The rules in force.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitRules {
    /// In the order of the files.
    pub rules: Vec<LimitRule>,
    /// The files that they come from.
    pub files: Vec<String>,
    /// Why the files as they are now are not in force, if they are not.
    pub refused: Option<String>,
}

/// What other rules would have decided on the recorded decisions.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "see Rehearsal")]
pub struct LimitRehearsal {
    pub decisions: usize,
    pub span_s: u64,
    pub admitted_then: usize,
    pub admitted_now: usize,
    pub newly_denied: usize,
    pub newly_admitted: usize,
    pub rules: Vec<LimitRule>,
}

impl From<Rehearsal> for LimitRehearsal {
    fn from(rehearsal: Rehearsal) -> Self {
        let rule = |(place, tally)| LimitRule::tallied(place, tally);
        Self {
            decisions: rehearsal.decisions,
            span_s: rehearsal.span_us / 1_000_000,
            admitted_then: rehearsal.admitted_then,
            admitted_now: rehearsal.admitted_now,
            newly_denied: rehearsal.newly_denied,
            newly_admitted: rehearsal.newly_admitted,
            rules: rehearsal.rules.into_iter().map(rule).collect(),
        }
    }
}

/// Callers denied most.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitOffenders {
    /// The worst first.
    pub offenders: Vec<LimitOffender>,
}

/// A caller and how often it was denied.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitOffender {
    /// The descriptor it was denied by.
    pub who: String,
    /// How often, at most.
    pub denied: u64,
    /// By how much that may be too high.
    pub overstated: u64,
}

/// Which requests to hand out.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LimitClaim {
    /// The rule that kept them; all unless told.
    pub rule: Option<String>,
    /// At most so many; 1 unless told, 1,000 at most.
    pub count: Option<u32>,
}

/// Requests whose turn it is.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitClaimed {
    /// In the order they came.
    pub requests: Vec<LimitWaiting>,
}

/// A request that was kept and is to be processed now.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitWaiting {
    /// To be told to `/deferred/{id}/done`, within 30 s, or it is handed out again.
    pub id: i64,
    /// The rule that kept it.
    pub rule: String,
    /// As its sender gave it.
    pub payload: String,
    /// When it came.
    #[schema(value_type = String)]
    pub deferred_at: kit::clock::Timestamp,
}

impl From<Waiting> for LimitWaiting {
    fn from(waiting: Waiting) -> Self {
        Self {
            id: waiting.id,
            rule: waiting.place,
            payload: String::from_utf8_lossy(&waiting.payload).into_owned(),
            deferred_at: waiting.deferred_at,
        }
    }
}

/// How many requests wait.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitQueues {
    /// By rule.
    pub queues: Vec<LimitQueue>,
}

/// How many requests wait for one rule.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitQueue {
    /// The rule that kept them.
    pub rule: String,
    /// How many.
    pub waiting: i64,
}

/// What the counts take.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitMemory {
    /// In memory.
    pub bytes: usize,
    /// Callers that are not back at their whole limit.
    pub callers: usize,
}
