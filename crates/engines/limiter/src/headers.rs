//! What a caller is told in headers: the three of the requirement, `Retry-After` (RFC 9110,
//! 10.2.3), and `RateLimit` with `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10).

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{HeaderName, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use kit::http::Problem;

use crate::admission::Admission;
use crate::answer::Answer;
use crate::model::{Ruling, Status};
use crate::rules::Limit;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RETRY_AFTER: HeaderName = HeaderName::from_static("x-ratelimit-retry-after");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
/// Headers of one answer.
const HEADERS_MAX: usize = 6;
/// Bytes of a policy's name.
const NAME_BYTES_MAX: usize = 64;

/// Adds the headers of a ruling; nothing where nothing is limited.
pub fn add(headers: &mut HeaderMap, ruling: &Ruling) {
    add_some(headers, ruling, true);
}

/// Adds the three of the requirement, and the fields of the draft where `has_draft`.
pub(crate) fn add_some(headers: &mut HeaderMap, ruling: &Ruling, has_draft: bool) {
    let Some((limit, answer)) = ruling.tightest() else { return };
    let mut values = Values::default();
    values.number(LIMIT, limit.requests);
    values.number(REMAINING, answer.remaining);
    if let Some(seconds) = ruling.retry_after_s() {
        values.number(X_RETRY_AFTER, seconds);
        values.number(RETRY_AFTER, seconds);
    }
    if has_draft {
        policies(&mut values.text, &ruling.statuses);
        values.end(POLICY);
        states(&mut values.text, &ruling.statuses);
        values.end(RATE_LIMIT);
    }
    values.add_to(headers);
}

/// Adds what an admitted request is told.
pub(crate) fn add_admission(headers: &mut HeaderMap, admission: &Admission) {
    let mut values = Values::default();
    values.number(LIMIT, admission.requests);
    values.number(REMAINING, admission.remaining);
    values.add_to(headers);
}

/// Values of headers in one buffer, because an answer has several and memory is asked for once.
#[derive(Default)]
struct Values {
    text: Text,
    /// Each header with where its value ends.
    ends: [Option<(HeaderName, usize)>; HEADERS_MAX],
}

impl Values {
    /// What was written since the last one is the value of `name`.
    fn end(&mut self, name: HeaderName) {
        if let Some(free) = self.ends.iter_mut().find(|end| end.is_none()) {
            *free = Some((name, self.text.0.len()));
        }
    }

    fn number(&mut self, name: HeaderName, number: u32) {
        self.text.number(number);
        self.end(name);
    }

    fn add_to(self, headers: &mut HeaderMap) {
        let text = Bytes::from(self.text.0);
        let mut start = 0;
        for (name, end) in self.ends.into_iter().flatten() {
            // Names are reduced to what a header may hold.
            if let Ok(value) = HeaderValue::from_maybe_shared(text.slice(start..end)) {
                headers.insert(name, value);
            }
            start = end;
        }
    }
}

/// Text in the making.
struct Text(Vec<u8>);

impl Default for Text {
    /// With room for the headers of two limits.
    fn default() -> Self {
        Self(Vec::with_capacity(192))
    }
}

impl Text {
    fn text(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    fn number(&mut self, number: u32) {
        self.text(itoa::Buffer::new().format(number));
    }

    /// A parameter of a field, such as `;w=60`.
    fn parameter(&mut self, key: &str, number: u32) {
        self.text(key);
        self.number(number);
    }
}

/// Every limit that applies, as the draft's `RateLimit-Policy` lists them.
fn policies(text: &mut Text, statuses: &[Status]) {
    for (place, (number, status, limit, _)) in limited(statuses).enumerate() {
        begin(text, place, (number, status));
        text.parameter(";q=", limit.burst.max(limit.requests));
        text.parameter(";w=", limit.period_s);
    }
}

/// What is left of each, as the draft's `RateLimit` lists them.
fn states(text: &mut Text, statuses: &[Status]) {
    for (place, (number, status, _, answer)) in limited(statuses).enumerate() {
        begin(text, place, (number, status));
        text.parameter(";r=", answer.remaining);
        text.parameter(";t=", seconds(answer));
    }
}

fn limited(statuses: &[Status]) -> impl Iterator<Item = (usize, &Status, &Limit, &Answer)> {
    statuses.iter().enumerate().filter_map(|(number, status)| {
        Some((number, status, status.limit.as_ref()?, status.answer.as_ref()?))
    })
}

/// Until there is more: the wait when there is nothing left, else until all is back.
fn seconds(answer: &Answer) -> u32 {
    answer.retry_after_s().unwrap_or_else(|| answer.reset_s())
}

/// An item of a list with its name: the rule's where it has one, of characters that need no escape.
fn begin(text: &mut Text, place: usize, (number, status): (usize, &Status)) {
    text.text(if place == 0 { "\"" } else { ", \"" });
    match status.rule.as_ref().and_then(|rule| rule.name.as_deref()) {
        None => {
            text.text("limit-");
            text.text(itoa::Buffer::new().format(number));
        }
        Some(name) => {
            let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./:= ".contains(byte);
            text.0.extend(name.bytes().filter(is_plain).take(NAME_BYTES_MAX));
        }
    }
    text.text("\"");
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

/// The refusal of a request that would wait too long in a queue; after `wait` it would not.
pub(crate) fn too_long(ruling: &Ruling, wait: Duration) -> Response {
    let seconds = u32::try_from(wait.as_micros().div_ceil(1_000_000)).unwrap_or(u32::MAX).max(1);
    let detail = format!("Too many requests wait already; try again in {seconds} s.");
    let mut response = Problem::too_many(detail).retry_after(seconds).into_response();
    add(response.headers_mut(), ruling);
    response.headers_mut().insert(X_RETRY_AFTER, HeaderValue::from(seconds));
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
