//! What a caller is told in headers: the three of the requirement, `Retry-After` (RFC 9110,
//! 10.2.3), and `RateLimit` with `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10).

use std::fmt::Write;

use axum::response::{IntoResponse, Response};
use http::header::{HeaderName, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use kit::http::Problem;

use crate::answer::Answer;
use crate::model::{Ruling, Status};
use crate::rules::Limit;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RETRY_AFTER: HeaderName = HeaderName::from_static("x-ratelimit-retry-after");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// Bytes of a policy's name.
const NAME_BYTES_MAX: usize = 64;

/// Adds the headers of a ruling; nothing where nothing is limited.
pub fn add(headers: &mut HeaderMap, ruling: &Ruling) {
    let Some((limit, answer)) = ruling.tightest() else { return };
    headers.insert(LIMIT, HeaderValue::from(limit.requests));
    headers.insert(REMAINING, HeaderValue::from(answer.remaining));
    if let Some(seconds) = ruling.retry_after_s() {
        headers.insert(X_RETRY_AFTER, HeaderValue::from(seconds));
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    let (policies, states) = fields(&ruling.statuses);
    for (name, field) in [(POLICY, policies), (RATE_LIMIT, states)] {
        // Names are reduced to what a header may hold.
        if let Ok(value) = HeaderValue::from_str(&field) {
            headers.insert(name, value);
        }
    }
}

/// Every limit that applies, as the draft's two fields list them.
fn fields(statuses: &[Status]) -> (String, String) {
    let (mut policies, mut states) = (String::new(), String::new());
    for (number, status) in statuses.iter().enumerate() {
        let (Some(limit), Some(answer)) = (&status.limit, &status.answer) else { continue };
        let comma = if policies.is_empty() { "" } else { ", " };
        let name = policy_name(status, number);
        // Writing to a string cannot fail.
        let _ = write!(
            policies,
            "{comma}\"{name}\";q={};w={}",
            limit.burst.max(limit.requests),
            limit.period_s
        );
        let _ = write!(states, "{comma}\"{name}\";r={};t={}", answer.remaining, seconds(answer));
    }
    (policies, states)
}

/// Until there is more: the wait when there is nothing left, else until all is back.
fn seconds(answer: &Answer) -> u32 {
    answer.retry_after_s().unwrap_or_else(|| answer.reset_s())
}

/// The rule's name where it has one, of characters that need no escape.
fn policy_name(status: &Status, number: usize) -> String {
    let name = status.rule.as_ref().and_then(|rule| rule.name.as_deref());
    match name {
        None => format!("limit-{number}"),
        Some(name) => {
            let plain = |character: &char| {
                character.is_ascii_alphanumeric() || "-_./:= ".contains(*character)
            };
            name.chars().filter(plain).take(NAME_BYTES_MAX).collect()
        }
    }
}

/// The refusal: 429 (RFC 6585, section 4) as a problem document, with the headers.
pub fn refusal(ruling: &Ruling) -> Response {
    let seconds = ruling.retry_after_s().unwrap_or(1);
    let detail = match ruling.tightest() {
        Some((limit, _)) => told(limit, seconds),
        None => format!("Too many requests; try again in {seconds} s."),
    };
    let mut response = Problem::too_many(detail).retry_after(seconds).into_response();
    add(response.headers_mut(), ruling);
    response
}

fn told(limit: &Limit, seconds: u32) -> String {
    let Limit { requests, period_s, .. } = limit;
    match requests {
        0 => "This is not allowed at all.".to_owned(),
        _ => format!(
            "The limit is {requests} requests in {period_s} s, and it is used up; try again in \
             {seconds} s."
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::Algorithm;
    use crate::fixed_window::FixedWindow;
    use crate::model::Verdict;
    use crate::rules::Unit;

    fn status(remaining: u32, retry_us: u64) -> Status {
        let (requests, period_s) = (2, 60);
        let algorithm = Algorithm::FixedWindow(FixedWindow { limit: 2, length_s: 60 });
        let admitted = retry_us == 0;
        Status {
            rule: None,
            limit: Some(Limit { algorithm, requests, burst: 2, period_s, unit: Unit::Minute }),
            is_over: !admitted,
            answer: Some(Answer {
                admitted,
                remaining,
                reset_us: 30_000_000,
                retry_us,
                delay_us: 0,
            }),
        }
    }

    fn told_of(verdict: Verdict, statuses: Vec<Status>) -> Vec<String> {
        let mut headers = HeaderMap::new();
        add(&mut headers, &Ruling { verdict, statuses, lease: None });
        let told = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or_default()));
        told.collect()
    }

    #[test]
    fn an_admitted_request_is_told_what_is_left() {
        assert_eq!(
            told_of(Verdict::Ok, vec![status(1, 0), status(0, 0)]),
            [
                "x-ratelimit-limit: 2",
                "x-ratelimit-remaining: 0",
                "ratelimit-policy: \"limit-0\";q=2;w=60, \"limit-1\";q=2;w=60",
                "ratelimit: \"limit-0\";r=1;t=30, \"limit-1\";r=0;t=30",
            ]
        );
    }

    #[test]
    fn a_refused_one_is_told_the_longest_wait() {
        assert_eq!(
            told_of(Verdict::OverLimit, vec![status(0, 100_000), status(0, 7_000_001)]),
            [
                "x-ratelimit-limit: 2",
                "x-ratelimit-remaining: 0",
                "x-ratelimit-retry-after: 8",
                "retry-after: 8",
                "ratelimit-policy: \"limit-0\";q=2;w=60, \"limit-1\";q=2;w=60",
                "ratelimit: \"limit-0\";r=0;t=1, \"limit-1\";r=0;t=8",
            ]
        );
        assert!(told_of(Verdict::Ok, vec![Status::default()]).is_empty());
    }
}
