//! Decisions and what is given back of them.

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use kit::door::May;
use kit::http::{Json, Problem};

use super::wire::{LimitExplanation, LimitRequest, LimitRuling, LimitStatus};
use super::{Administer, Decide, Read};
use crate::deferred::DeferError;
use crate::headers;
use crate::model::{BadRequest, Ruling, Verdict};

/// Rule on a request: 200 when it may pass, 429 when not, 202 when it is kept for later.
#[utoipa::path(
    post,
    path = "/decide",
    tag = "limits",
    request_body = LimitRequest,
    responses(
        (status = 200, description = "It may pass", body = LimitRuling),
        (status = 202, description = "It is kept for later", body = LimitRuling),
        (status = 429, description = "It is over a limit", body = LimitRuling),
    )
)]
pub(super) async fn decide(
    May(limiter): May<Decide>,
    Json(mut wire): Json<LimitRequest>,
) -> Result<Response, Problem> {
    let payload = wire.payload.take();
    let request = wire.request();
    let ruling = limiter.decide(&request).await?;
    let mut told = LimitRuling::of(&ruling);
    let status = match (ruling.verdict, payload) {
        (Verdict::Ok, _) => StatusCode::OK,
        (Verdict::Queue, Some(payload)) => {
            let kept = limiter.defer(&request, &ruling, payload.into_bytes()).await;
            match kept {
                Ok(id) => {
                    told.queued_as = Some(id);
                    StatusCode::ACCEPTED
                }
                Err(DeferError::Full(_)) => refused(&mut told),
                Err(error) => return Err(error.into()),
            }
        }
        // What is not there cannot be kept.
        (Verdict::Queue | Verdict::OverLimit, _) => refused(&mut told),
    };
    Ok(with_headers(status, told, &ruling))
}

fn refused(told: &mut LimitRuling) -> StatusCode {
    told.code = "OVER_LIMIT";
    StatusCode::TOO_MANY_REQUESTS
}

fn with_headers(status: StatusCode, told: LimitRuling, ruling: &Ruling) -> Response {
    let mut response = (status, Json(told)).into_response();
    headers::add(response.headers_mut(), ruling);
    response
}

/// Every rule that applies to a request, what is left, and the next free instant of its caller.
/// Nothing is charged.
#[utoipa::path(
    post,
    path = "/explain",
    tag = "limits",
    request_body = LimitRequest,
    responses((status = 200, description = "Where the caller stands", body = LimitExplanation))
)]
pub(super) async fn explain(
    May(limiter): May<Read>,
    Json(wire): Json<LimitRequest>,
) -> Result<Json<LimitExplanation>, Problem> {
    let statuses = limiter.explain(&wire.request()).await?;
    Ok(Json(LimitExplanation { statuses: statuses.iter().map(LimitStatus::of).collect() }))
}

/// Give back a lease, with the request that it was given for.
#[utoipa::path(
    post,
    path = "/release",
    tag = "limits",
    request_body = LimitRequest,
    responses((status = 204, description = "Given back, if it was held"))
)]
pub(super) async fn release(
    May(limiter): May<Decide>,
    Json(wire): Json<LimitRequest>,
) -> Result<StatusCode, Problem> {
    let lease = wire.lease.ok_or_else(|| Problem::unprocessable("lease: name the lease"))?;
    // Only what is held goes: limits on rates keep what was counted.
    let mut request = wire.request();
    request.hits = 0;
    request.descriptors.iter_mut().for_each(|descriptor| descriptor.hits = Some(0));
    limiter.give_back(&request, lease).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give back `hits` that were charged and not needed: the rest of a reservation of unknown cost.
#[utoipa::path(
    post,
    path = "/refund",
    tag = "limits",
    request_body = LimitRequest,
    responses((status = 204, description = "Given back"))
)]
pub(super) async fn refund(
    May(limiter): May<Decide>,
    Json(wire): Json<LimitRequest>,
) -> Result<StatusCode, Problem> {
    limiter.give_back(&wire.request(), 0).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give the counters of a request's descriptors their whole limit again.
#[utoipa::path(
    post,
    path = "/reset",
    tag = "limits",
    request_body = LimitRequest,
    responses((status = 204, description = "Forgotten"))
)]
pub(super) async fn reset(
    May(limiter): May<Administer>,
    Json(wire): Json<LimitRequest>,
) -> Result<StatusCode, Problem> {
    limiter.reset(&wire.request()).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<BadRequest> for Problem {
    fn from(error: BadRequest) -> Self {
        Self::unprocessable(error.to_string())
    }
}

impl From<DeferError> for Problem {
    fn from(error: DeferError) -> Self {
        match error {
            DeferError::Full(_) => Self::too_many(error.to_string()).retry_after(1),
            DeferError::TooLong(_) => Self::too_large(error.to_string()),
            DeferError::Store(error) => error.into(),
        }
    }
}
