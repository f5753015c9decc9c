//! The nouns: what is asked, and what is ruled.

use std::sync::Arc;

use thiserror::Error;

use crate::answer::Answer;
use crate::rules::{Limit, PATH_MAX, Rule, Unit};

/// Descriptors of one request.
pub const DESCRIPTORS_MAX: usize = 32;
/// Bytes of all keys and values of a request.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;

/// Whether a request may pass.
#[derive(Clone, Debug, Default)]
pub struct Request<'r> {
    /// The rules to go by.
    pub domain: &'r str,
    /// What is known of the request; every one that matches a rule is limited by it.
    pub descriptors: Vec<Descriptor<'r>>,
    /// How much it counts where a descriptor says nothing else.
    pub hits: u32,
}

/// A list of keys and values that together match at most one rule.
#[derive(Clone, Debug, Default)]
pub struct Descriptor<'r> {
    /// In the order of the rules' nesting.
    pub entries: Vec<(&'r str, &'r str)>,
    /// A limit that the request brings along, such as that of the caller's plan.
    pub limit: Option<Override>,
    /// How much it counts here.
    pub hits: Option<u32>,
}

/// A limit that comes with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Override {
    /// In each unit.
    pub requests: u32,
    /// See [`Unit`].
    pub unit: Unit,
}

/// What is ruled on a request.
#[derive(Clone, Debug)]
pub struct Ruling {
    /// On the whole.
    pub verdict: Verdict,
    /// For each descriptor, in their order.
    pub statuses: Vec<Status>,
    /// The lease that the request holds until it gives it back, where a limit on concurrency
    /// admitted it.
    pub lease: Option<u64>,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It passes.
    Ok,
    /// It is refused.
    OverLimit,
    /// It is over the limit of a rule that keeps such requests for later.
    Queue,
}

/// What one descriptor's rule says.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// None where no rule applies, or another one replaces it.
    pub rule: Option<Arc<Rule>>,
    /// The limit in force, which may be one the request brought along.
    pub limit: Option<Limit>,
    /// Whether this descriptor alone would be refused.
    pub is_over: bool,
    /// The numbers; none where nothing is limited.
    pub answer: Option<Answer>,
}

/// A request that cannot be ruled on.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BadRequest {
    /// There is no domain.
    #[error("the domain is empty; name the domain whose rules apply")]
    NoDomain,
    /// There is nothing to go by.
    #[error("there are no descriptors; send at least one")]
    NoDescriptors,
    /// More than [`DESCRIPTORS_MAX`].
    #[error("{0} descriptors; at most {DESCRIPTORS_MAX} are taken")]
    TooManyDescriptors(usize),
    /// None, or more than [`PATH_MAX`].
    #[error("a descriptor has {0} entries; 1 to {PATH_MAX} are taken")]
    Entries(usize),
    /// More than [`TEXT_BYTES_MAX`].
    #[error("keys and values have {0} bytes together; at most {TEXT_BYTES_MAX} are taken")]
    TooLong(usize),
}

impl Request<'_> {
    /// Checks the limits on requests.
    ///
    /// # Errors
    /// [`BadRequest`], which says what is wrong.
    pub fn check(&self) -> Result<(), BadRequest> {
        if self.domain.is_empty() {
            return Err(BadRequest::NoDomain);
        }
        match self.descriptors.len() {
            0 => return Err(BadRequest::NoDescriptors),
            count if count > DESCRIPTORS_MAX => return Err(BadRequest::TooManyDescriptors(count)),
            _ => {}
        }
        let mut bytes = self.domain.len();
        for descriptor in &self.descriptors {
            let entries = descriptor.entries.len();
            if !(1..=PATH_MAX).contains(&entries) {
                return Err(BadRequest::Entries(entries));
            }
            bytes += descriptor
                .entries
                .iter()
                .map(|(key, value)| key.len() + value.len())
                .sum::<usize>();
        }
        if bytes > TEXT_BYTES_MAX {
            return Err(BadRequest::TooLong(bytes));
        }
        Ok(())
    }
}

impl Ruling {
    /// The answer that a caller is to be told: of those that refuse the one to wait for longest,
    /// else the one with least left. With it the limit. None where nothing is limited.
    pub fn tightest(&self) -> Option<(&Limit, &Answer)> {
        let limited = self.statuses.iter().filter_map(|status| {
            Some((status.limit.as_ref()?, status.answer.as_ref()?, status.is_over))
        });
        let rank = |(_, answer, is_over): &(&Limit, &Answer, bool)| match is_over {
            true => (0, u64::MAX - answer.retry_us),
            false => (1, u64::from(answer.remaining)),
        };
        limited.min_by_key(rank).map(|(limit, answer, _)| (limit, answer))
    }

    /// Whole seconds after which a retry makes sense; none when the request passed.
    pub fn retry_after_s(&self) -> Option<u32> {
        if self.verdict == Verdict::Ok {
            return None;
        }
        self.tightest().map(|(_, answer)| answer.retry_after_s().unwrap_or(1))
    }

    /// Microseconds that a request waits in queues before it is processed.
    pub fn delay_us(&self) -> u64 {
        let answers = self.statuses.iter().filter_map(|status| status.answer);
        answers.map(|answer| answer.delay_us).max().unwrap_or(0)
    }
}

/// As text for people: `remote_address=1.2.3.4, path=/login`.
pub fn describe(entries: &[(&str, &str)]) -> String {
    let parts: Vec<_> = entries.iter().map(|(key, value)| format!("{key}={value}")).collect();
    parts.join(", ")
}
