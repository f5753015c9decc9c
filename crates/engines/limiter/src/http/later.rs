//! Requests kept for later: handed out in their order, and forgotten when they are done.

use http::StatusCode;
use kit::door::May;
use kit::http::{Json, Path, Problem};

use super::wire::{LimitClaim, LimitClaimed, LimitQueue, LimitQueues};
use super::{Decide, Read};

/// Take the kept requests whose turn it is: from the first on, as long as their rules admit them.
#[utoipa::path(
    post,
    path = "/deferred/claim",
    tag = "deferred",
    request_body = LimitClaim,
    responses((status = 200, description = "To be processed now", body = LimitClaimed))
)]
pub(super) async fn claim(
    May(limiter): May<Decide>,
    Json(wire): Json<LimitClaim>,
) -> Result<Json<LimitClaimed>, Problem> {
    let count = wire.count.unwrap_or(1);
    let claimed = limiter.claim(wire.rule.as_deref(), count).await?;
    Ok(Json(LimitClaimed { requests: claimed.into_iter().map(Into::into).collect() }))
}

/// Say that a request was processed.
#[utoipa::path(
    post,
    path = "/deferred/{id}/done",
    tag = "deferred",
    params(("id" = i64, Path, description = "The request's number")),
    responses((status = 204, description = "Forgotten"))
)]
pub(super) async fn done(
    May(limiter): May<Decide>,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    match limiter.done(id).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found(format!("no request waits under {id}"))),
    }
}

/// How many requests wait, by rule.
#[utoipa::path(
    get,
    path = "/deferred",
    tag = "deferred",
    responses((status = 200, description = "By rule", body = LimitQueues))
)]
pub(super) async fn queues(May(limiter): May<Read>) -> Result<Json<LimitQueues>, Problem> {
    let waiting = limiter.waiting().await?;
    let queue = |(rule, waiting)| LimitQueue { rule, waiting };
    Ok(Json(LimitQueues { queues: waiting.into_iter().map(queue).collect() }))
}
