//! A rule file's text becomes rules: the format of envoyproxy/ratelimit with our additions.
//!
//! Below `rate_limit`: `algorithm`, `burst` (or `bucket_size`), `refill`, `style`, `rounding`,
//! `buckets`, `count_rejected`, `lease_s`, `on_limit`, `mode`, `overrun_percent`, `on_failure`, and
//! the unit `week`. Fields of the origin that only steer its metrics are read and have no effect.

use crate::algorithm::Algorithm;
use crate::concurrency::{self, Concurrency};
use crate::fixed_window::FixedWindow;
use crate::gcra::Gcra;
use crate::leaking_bucket::LeakingBucket;
use crate::sliding_counter::{Rounding, SlidingCounter};
use crate::sliding_log::{self, SlidingLog};
use crate::sub_windows::{PARTS_MAX, SubWindows};
use crate::token_bucket::IntervalBucket;
use crate::windowed::COUNT_MAX;

use super::RuleError;
use super::fields::Fields;
use super::rule::{Limit, Manner, Mode, OnFailure, OnLimit, Unit};
use super::yaml::{self, Node};

/// Bytes of a rule file.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// How deep descriptors may be nested, and so entries a descriptor of a request may have.
pub const PATH_MAX: usize = 16;
/// Bytes of a domain, a key or a value.
const NAME_BYTES_MAX: usize = 1_024;
const SECOND_US: u64 = 1_000_000;
const LEASE_S_DEFAULT: u32 = 60;
const OVERRUN_PERCENT_DEFAULT: u32 = 10;

/// What a file says.
#[derive(Debug)]
pub(super) struct DomainFile {
    pub(super) domain: String,
    pub(super) descriptors: Vec<Descriptor>,
}

/// One descriptor of a file with those below it.
#[derive(Debug)]
pub(super) struct Descriptor {
    pub(super) line: usize,
    pub(super) key: String,
    /// None: every value, each with a counter of its own.
    pub(super) value: Option<String>,
    /// Whether all values that a pattern matches share one counter.
    pub(super) share: bool,
    pub(super) rate: Option<Rate>,
    pub(super) below: Vec<Descriptor>,
}

/// What stands under `rate_limit`.
#[derive(Debug)]
pub(super) struct Rate {
    pub(super) name: Option<String>,
    pub(super) replaces: Vec<String>,
    pub(super) limit: Option<Limit>,
    pub(super) manner: Manner,
}

/// The kinds of algorithm as files name them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each names its module")]
pub enum Kind {
    Gcra,
    TokenBucket,
    LeakingBucket,
    FixedWindow,
    SlidingLog,
    SlidingCounter,
    Concurrency,
}

impl Kind {
    /// How files write them.
    pub const WORDS: [(&'static str, Self); 7] = [
        ("fixed_window", Self::FixedWindow),
        ("sliding_counter", Self::SlidingCounter),
        ("sliding_log", Self::SlidingLog),
        ("token_bucket", Self::TokenBucket),
        ("leaking_bucket", Self::LeakingBucket),
        ("gcra", Self::Gcra),
        ("concurrency", Self::Concurrency),
    ];
}

/// Reads a file; rules that name no algorithm get `default`.
pub(super) fn read(text: &str, default: Kind) -> Result<DomainFile, RuleError> {
    if text.len() > FILE_BYTES_MAX {
        let reason = format!("the file has {} bytes; {FILE_BYTES_MAX} are read", text.len());
        return Err(RuleError::at(1, reason));
    }
    let mut fields = Fields::of(yaml::read(text)?, "the file")?;
    let (domain, line) =
        fields.text("domain")?.ok_or_else(|| RuleError::at(fields.line, "domain is missing"))?;
    check_name("domain", &domain, line)?;
    let below = fields.list("descriptors")?;
    fields.end("the file")?;
    Ok(DomainFile { domain, descriptors: descriptors(below, default, 1)? })
}

fn descriptors(
    nodes: Vec<Node>,
    default: Kind,
    depth: usize,
) -> Result<Vec<Descriptor>, RuleError> {
    nodes.into_iter().map(|node| descriptor(node, default, depth)).collect()
}

fn descriptor(node: Node, default: Kind, depth: usize) -> Result<Descriptor, RuleError> {
    let mut fields = Fields::of(node, "a descriptor")?;
    let line = fields.line;
    if depth > PATH_MAX {
        return Err(RuleError::at(line, format!("descriptors nested deeper than {PATH_MAX}")));
    }
    let (key, _) =
        fields.text("key")?.ok_or_else(|| RuleError::at(line, "the descriptor has no key"))?;
    check_name("key", &key, line)?;
    let value = fields.text("value")?.map(|(value, _)| value).filter(|value| !value.is_empty());
    if let Some(value) = &value {
        check_name("value", value, line)?;
    }
    let share = fields.flag("share_threshold")?;
    if share && !value.as_ref().is_some_and(|value| value.contains('*')) {
        return Err(RuleError::at(line, "share_threshold is for a value with a *"));
    }
    let shadow = fields.flag("shadow_mode")? | fields.flag("quota_mode")?;
    fields.flag("detailed_metric")?;
    fields.flag("value_to_metric")?;
    let rate = fields.take("rate_limit").map(|node| rate_of(node, default, shadow)).transpose()?;
    let below = descriptors(fields.list("descriptors")?, default, depth + 1)?;
    fields.end("a descriptor")?;
    Ok(Descriptor { line, key, value, share, rate, below })
}

fn rate_of(node: Node, default: Kind, shadow: bool) -> Result<Rate, RuleError> {
    let mut fields = Fields::of(node, "rate_limit")?;
    let line = fields.line;
    let name = fields.text("name")?.map(|(name, _)| name).filter(|name| !name.is_empty());
    let replaces = replaced(&mut fields, name.as_deref())?;
    let shadow = shadow | fields.flag("shadow_mode")?;
    let manner = Manner { shadow, ..manner(&mut fields)? };
    let unlimited = fields.flag("unlimited")?;
    let limit = match unlimited {
        false => Some(limit(&mut fields, default)?),
        true if fields.take("unit").is_some() || fields.take("requests_per_unit").is_some() => {
            return Err(RuleError::at(line, "unlimited stands beside a limit; keep one of them"));
        }
        true => None,
    };
    if manner.on_limit == OnLimit::Queue && limit.is_none() {
        return Err(RuleError::at(line, "on_limit: queue needs a limit"));
    }
    fields.end("rate_limit")?;
    Ok(Rate { name, replaces, limit, manner })
}

fn replaced(fields: &mut Fields, own: Option<&str>) -> Result<Vec<String>, RuleError> {
    let mut names = Vec::new();
    for node in fields.list("replaces")? {
        let mut entry = Fields::of(node, "an entry of replaces")?;
        let name = entry.text("name")?.map(|(name, _)| name).unwrap_or_default();
        if name.is_empty() {
            return Err(RuleError::at(entry.line, "an entry of replaces needs a name"));
        }
        if own == Some(&name) {
            return Err(RuleError::at(entry.line, format!("{name:?} cannot replace itself")));
        }
        entry.end("an entry of replaces")?;
        names.push(name);
    }
    Ok(names)
}

fn manner(fields: &mut Fields) -> Result<Manner, RuleError> {
    let line = fields.line;
    let on_limit = [("drop", OnLimit::Drop), ("queue", OnLimit::Queue)];
    let on_limit = fields.choice("on_limit", &on_limit)?.unwrap_or_default();
    let on_failure = [("open", OnFailure::Open), ("closed", OnFailure::Closed)];
    let on_failure = fields.choice("on_failure", &on_failure)?.unwrap_or_default();
    let is_soft = fields.choice("mode", &[("hard", false), ("soft", true)])?.unwrap_or(false);
    let overrun: Option<u32> = fields.parsed("overrun_percent", "a whole number of percent")?;
    let mode = match (is_soft, overrun) {
        (false, None) => Mode::Hard,
        (false, Some(_)) => {
            return Err(RuleError::at(line, "overrun_percent is for mode: soft"));
        }
        (true, overrun) => {
            Mode::Soft { overrun_percent: overrun.unwrap_or(OVERRUN_PERCENT_DEFAULT) }
        }
    };
    if matches!(mode, Mode::Soft { overrun_percent } if !(1..=100).contains(&overrun_percent)) {
        return Err(RuleError::at(line, "overrun_percent is to be from 1 to 100"));
    }
    Ok(Manner { shadow: false, on_limit, mode, on_failure })
}

/// The fields that only some algorithms have.
struct Parameters {
    line: usize,
    burst: Option<u32>,
    by_interval: Option<bool>,
    as_meter: Option<bool>,
    rounding: Option<Rounding>,
    buckets: Option<u32>,
    count_rejected: Option<bool>,
    lease_s: Option<u32>,
}

fn limit(fields: &mut Fields, default: Kind) -> Result<Limit, RuleError> {
    const NUMBER: &str = "a whole number from 0 to 4294967295";
    let line = fields.line;
    let kind = fields.choice("algorithm", &Kind::WORDS)?.unwrap_or(default);
    let requests = fields
        .parsed("requests_per_unit", NUMBER)?
        .ok_or_else(|| RuleError::at(line, "requests_per_unit is missing"))?;
    let unit = match fields.choice("unit", &Unit::WORDS)? {
        Some(unit) => unit,
        None if kind == Kind::Concurrency => Unit::Second,
        None => return Err(RuleError::at(line, "unit is missing")),
    };
    let multiplier: u32 = fields.parsed("unit_multiplier", NUMBER)?.unwrap_or(1);
    let period_s = unit.seconds().checked_mul(multiplier).filter(|period_s| *period_s > 0);
    let period_s = period_s.ok_or_else(|| {
        RuleError::at(
            line,
            "unit_multiplier is to be 1 or more, and the \
                                                    period at most 136 years",
        )
    })?;
    let burst = fields.parsed("burst", NUMBER)?;
    let parameters = Parameters {
        line,
        burst: fields.parsed("bucket_size", NUMBER)?.or(burst),
        by_interval: fields.choice("refill", &[("continuous", false), ("interval", true)])?,
        as_meter: fields.choice("style", &[("queue", false), ("meter", true)])?,
        rounding: fields.choice("rounding", &[("down", Rounding::Down), ("up", Rounding::Up)])?,
        buckets: fields.parsed("buckets", NUMBER)?,
        count_rejected: fields.parsed("count_rejected", "true or false")?,
        lease_s: fields.parsed("lease_s", NUMBER)?,
    };
    parameters.refuse_foreign(kind)?;
    let burst = parameters.burst.unwrap_or(requests);
    let algorithm = match requests {
        0 => Algorithm::Deny,
        _ => parameters.algorithm(kind, requests, period_s)?,
    };
    Ok(Limit { algorithm, requests, burst, period_s, unit })
}

impl Parameters {
    /// A field of another algorithm would have no effect, and so is a mistake.
    fn refuse_foreign(&self, kind: Kind) -> Result<(), RuleError> {
        let has_bucket = matches!(kind, Kind::Gcra | Kind::TokenBucket | Kind::LeakingBucket);
        let foreign = [
            ("burst", self.burst.is_some() && !has_bucket),
            ("refill", self.by_interval.is_some() && kind != Kind::TokenBucket),
            ("style", self.as_meter.is_some() && kind != Kind::LeakingBucket),
            ("rounding", self.rounding.is_some() && kind != Kind::SlidingCounter),
            ("buckets", self.buckets.is_some() && kind != Kind::SlidingCounter),
            ("count_rejected", self.count_rejected.is_some() && kind != Kind::SlidingLog),
            ("lease_s", self.lease_s.is_some() && kind != Kind::Concurrency),
        ];
        match foreign.iter().find(|(_, is_foreign)| *is_foreign) {
            None => Ok(()),
            Some((name, _)) => {
                Err(RuleError::at(self.line, format!("this algorithm has no {name}")))
            }
        }
    }

    fn algorithm(&self, kind: Kind, limit: u32, period_s: u32) -> Result<Algorithm, RuleError> {
        let length_us = u64::from(period_s) * SECOND_US;
        Ok(match kind {
            Kind::Gcra => Algorithm::Gcra(self.gcra(limit, length_us)?),
            Kind::TokenBucket if self.by_interval == Some(true) => {
                let size = self.counted(self.burst.unwrap_or(limit), COUNT_MAX)?;
                let bucket = IntervalBucket { size, refill: limit, interval_s: period_s };
                Algorithm::IntervalBucket(bucket)
            }
            Kind::TokenBucket => Algorithm::Gcra(self.gcra(limit, length_us)?),
            Kind::LeakingBucket if self.as_meter == Some(true) => {
                Algorithm::Gcra(self.gcra(limit, length_us)?)
            }
            Kind::LeakingBucket => {
                Algorithm::LeakingBucket(LeakingBucket(self.gcra(limit, length_us)?))
            }
            Kind::FixedWindow => {
                let limit = self.counted(limit, COUNT_MAX)?;
                Algorithm::FixedWindow(FixedWindow { limit, length_s: period_s })
            }
            Kind::SlidingCounter => self.sliding_counter(limit, period_s)?,
            Kind::SlidingLog => {
                let limit = self.counted(limit, sliding_log::LIMIT_MAX)?;
                let count_rejected = self.count_rejected.unwrap_or(true);
                Algorithm::SlidingLog(SlidingLog { limit, length_us, count_rejected })
            }
            Kind::Concurrency => {
                let limit = self.counted(limit, concurrency::LIMIT_MAX)?;
                let lease_s = self.lease_s.unwrap_or(LEASE_S_DEFAULT);
                if lease_s == 0 {
                    return Err(RuleError::at(self.line, "lease_s is to be 1 or more"));
                }
                let lease_us = u64::from(lease_s) * SECOND_US;
                Algorithm::Concurrency(Concurrency { limit, lease_us })
            }
        })
    }

    fn gcra(&self, rate: u32, period_us: u64) -> Result<Gcra, RuleError> {
        let burst = self.burst.unwrap_or(rate);
        Gcra::new(burst, rate, period_us).ok_or_else(|| {
            RuleError::at(self.line, "burst is 0, or an empty bucket would take over 36 years")
        })
    }

    fn sliding_counter(&self, limit: u32, length_s: u32) -> Result<Algorithm, RuleError> {
        let limit = self.counted(limit, COUNT_MAX)?;
        let Some(parts) = self.buckets else {
            let rounding = self.rounding.unwrap_or_default();
            return Ok(Algorithm::SlidingCounter(SlidingCounter { limit, length_s, rounding }));
        };
        if !(2..=PARTS_MAX).contains(&parts) {
            let reason = format!("buckets is to be from 2 to {PARTS_MAX}");
            return Err(RuleError::at(self.line, reason));
        }
        let length_us = u64::from(length_s) * SECOND_US;
        Ok(Algorithm::SubWindows(SubWindows { limit, length_us, parts }))
    }

    fn counted(&self, limit: u32, most: u32) -> Result<u32, RuleError> {
        if limit <= most {
            return Ok(limit);
        }
        Err(RuleError::at(self.line, format!("this algorithm counts to at most {most}")))
    }
}

fn check_name(what: &str, name: &str, line: usize) -> Result<(), RuleError> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return Err(RuleError::at(line, format!("{what} is to have 1 to {NAME_BYTES_MAX} bytes")));
    }
    Ok(())
}
