//! The front door for Envoy: `envoy.service.ratelimit.v3.RateLimitService` and
//! `grpc.health.v1.Health`, as unary calls over the house's own HTTP/2 listener.
//!
//! A call is one POST whose body is one message behind a prefix of five bytes, and whose answer
//! ends in trailers (gRPC over HTTP/2, `PROTOCOL-HTTP2.md`). Streams are not offered.

pub mod frame;
pub mod messages;

use axum::body::Body;
use axum::extract::{FromRequestParts, Request};
use axum::response::IntoResponse;
use http::{Method, StatusCode, header};
use kit::clock::Stopwatch;
use kit::door::{Door, May};
use kit::http::{BoxFuture, Handler, Peer, Problem, Response};
use kit::telemetry::metrics::{Metrics, Red};

use crate::Limiters;
use crate::http::Decide;
use crate::model::{BadRequest, Descriptor, Override, Request as Asked, Ruling, Status, Verdict};
use crate::rules::Unit;
use frame::{Code, Failure};
use messages::{
    DescriptorStatus, Duration, HealthCheckResponse, RateLimit, RateLimitRequest, RateLimitResponse,
};

const SHOULD_RATE_LIMIT: &str = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";
const HEALTH_CHECK: &str = "/grpc.health.v1.Health/Check";

/// `RateLimitResponse.Code`: may pass.
const OK: i32 = 1;
/// `RateLimitResponse.Code`: is over the limit.
const OVER_LIMIT: i32 = 2;
/// `HealthCheckResponse.ServingStatus`: the service answers.
const SERVING: i32 = 1;

/// The handler of a listener for gRPC.
#[derive(Clone)]
pub struct Grpc {
    door: Door<Limiters>,
    red: Red,
}

impl Grpc {
    /// For the limiters behind `door`.
    pub fn new(door: Door<Limiters>, metrics: &Metrics) -> Self {
        Self { door, red: metrics.red("limiter", "grpc") }
    }

    /// Answers one call.
    pub async fn answer(&self, request: Request) -> Response {
        let watch = Stopwatch::start();
        let (mut parts, body) = request.into_parts();
        let media = parts.headers.get(header::CONTENT_TYPE);
        let is_grpc = media.is_some_and(|media| media.as_bytes().starts_with(b"application/grpc"));
        if parts.method != Method::POST || !is_grpc {
            // As the protocol says of a request that is not its own.
            return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
        }
        let path = parts.uri.path().to_owned();
        let answered = match path.as_str() {
            SHOULD_RATE_LIMIT => self.should_rate_limit(&mut parts, body).await,
            HEALTH_CHECK => Ok(frame::respond(&HealthCheckResponse { status: SERVING })),
            _ => Err(Failure::new(Code::Unimplemented, "there is no such call here")),
        };
        let (status, response) = match answered {
            Ok(response) => (200, response),
            Err(failure) if failure.code == Code::Unavailable => (503, failure.into_response()),
            Err(failure) => (400, failure.into_response()),
        };
        let route = if path == SHOULD_RATE_LIMIT { SHOULD_RATE_LIMIT } else { "other" };
        self.red.route(route, "POST").record(status, watch.elapsed());
        response
    }

    async fn should_rate_limit(
        &self,
        parts: &mut http::request::Parts,
        body: Body,
    ) -> Result<Response, Failure> {
        let May(limiter) = May::<Decide>::from_request_parts(parts, &self.door).await?;
        let body = axum::body::to_bytes(body, frame::MESSAGE_BYTES_MAX).await;
        let body = body.map_err(|_| {
            let text = format!("a message may have at most {} bytes", frame::MESSAGE_BYTES_MAX);
            Failure::new(Code::ResourceExhausted, text)
        })?;
        let wire: RateLimitRequest = frame::decode(&body)?;
        let request = asked(&wire);
        let ruling = limiter.decide(&request).await?;
        Ok(frame::respond(&told(&ruling)))
    }
}

impl Handler for Grpc {
    fn fast(&self, _: &mut http::Request<kit::http::Incoming>, _: &Peer) -> Option<Response> {
        None
    }

    fn call(&self, mut request: Request, peer: Peer) -> BoxFuture<'static, Response> {
        let grpc = self.clone();
        request.extensions_mut().insert(peer);
        Box::pin(async move { grpc.answer(request).await })
    }
}

/// The request as the service wants it.
pub fn asked(wire: &RateLimitRequest) -> Asked<'_> {
    let hits = |hits: u64| u32::try_from(hits).unwrap_or(u32::MAX);
    let descriptors = wire.descriptors.iter().map(|descriptor| {
        let entries = descriptor.entries.iter();
        Descriptor {
            entries: entries.map(|entry| (entry.key.as_str(), entry.value.as_str())).collect(),
            limit: descriptor.limit.and_then(|limit| {
                let (requests, unit) = (limit.requests_per_unit, unit_of(limit.unit)?);
                Some(Override { requests, unit })
            }),
            hits: descriptor.hits_addend.map(|addend| hits(addend.value)),
        }
    });
    // "If the value is not set in the message, a request increases the matched limit by 1."
    let hits = wire.hits_addend.max(1);
    Asked { domain: &wire.domain, descriptors: descriptors.collect(), hits }
}

fn told(ruling: &Ruling) -> RateLimitResponse {
    let is_ok = ruling.verdict == Verdict::Ok;
    let mut headers = http::HeaderMap::new();
    if !is_ok {
        crate::headers::add(&mut headers, ruling);
    }
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let value = value.to_str().unwrap_or_default().to_owned();
        messages::HeaderEntry { key: name.as_str().to_owned(), value }
    };
    RateLimitResponse {
        overall_code: if is_ok { OK } else { OVER_LIMIT },
        statuses: ruling.statuses.iter().map(status_of).collect(),
        response_headers_to_add: headers.iter().map(header).collect(),
    }
}

fn status_of(status: &Status) -> DescriptorStatus {
    let reset = status.answer.map(|answer| Duration { seconds: answer.reset_s().into(), nanos: 0 });
    DescriptorStatus {
        code: if status.is_over { OVER_LIMIT } else { OK },
        current_limit: status.limit.map(|limit| RateLimit {
            requests_per_unit: limit.requests,
            unit: number_of(limit.unit),
            name: status.rule.as_ref().and_then(|rule| rule.name.clone()).unwrap_or_default(),
        }),
        limit_remaining: status.answer.map_or(0, |answer| answer.remaining),
        duration_until_reset: reset,
    }
}

/// `RateLimitResponse.RateLimit.Unit` and `RateLimitUnit` have the same numbers.
const UNITS: [(i32, Unit); 7] = [
    (1, Unit::Second),
    (2, Unit::Minute),
    (3, Unit::Hour),
    (4, Unit::Day),
    (5, Unit::Month),
    (6, Unit::Year),
    (7, Unit::Week),
];

fn unit_of(number: i32) -> Option<Unit> {
    UNITS.iter().find(|(other, _)| *other == number).map(|(_, unit)| *unit)
}

fn number_of(unit: Unit) -> i32 {
    UNITS.iter().find(|(_, other)| *other == unit).map_or(0, |(number, _)| *number)
}

impl From<BadRequest> for Failure {
    fn from(error: BadRequest) -> Self {
        Self::new(Code::InvalidArgument, error.to_string())
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let code = match problem.status {
            StatusCode::UNAUTHORIZED => Code::Unauthenticated,
            StatusCode::FORBIDDEN => Code::PermissionDenied,
            StatusCode::NOT_FOUND => Code::NotFound,
            status if status.is_client_error() => Code::InvalidArgument,
            _ => Code::Unavailable,
        };
        if let Some(reason) = problem.inside() {
            tracing::error!(kind = problem.kind, reason, "a call failed inside");
        }
        Self::new(code, problem.detail)
    }
}
