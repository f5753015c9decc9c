//! What an operator looks at.

use http::StatusCode;
use kit::door::May;
use kit::http::{Json, Problem};

use super::wire::{LimitMemory, LimitOffender, LimitOffenders};
use super::{Administer, Read};
use crate::offenders::OFFENDERS;

/// Callers denied most since the start, of whom a constant number is counted.
#[utoipa::path(
    get,
    path = "/offenders",
    tag = "operate",
    responses((status = 200, description = "The worst first", body = LimitOffenders))
)]
pub(super) async fn offenders(
    May(limiter): May<Administer>,
) -> Result<Json<LimitOffenders>, Problem> {
    let offenders = limiter.offenders(OFFENDERS).into_iter().map(|offender| {
        let (who, denied, overstated) = (offender.who, offender.denied, offender.overstated);
        LimitOffender { who, denied, overstated }
    });
    Ok(Json(LimitOffenders { offenders: offenders.collect() }))
}

/// What the counts take.
#[utoipa::path(
    get,
    path = "/memory",
    tag = "operate",
    responses((status = 200, description = "Bytes and callers", body = LimitMemory))
)]
pub(super) async fn memory(May(limiter): May<Read>) -> Result<Json<LimitMemory>, Problem> {
    let (bytes, callers) = limiter.memory();
    Ok(Json(LimitMemory { bytes, callers }))
}

/// Read the rule files now rather than within a second.
#[utoipa::path(
    post,
    path = "/reload",
    tag = "rules",
    responses((status = 204, description = "What the files say is in force"))
)]
pub(super) async fn reload(May(limiter): May<Administer>) -> Result<StatusCode, Problem> {
    let reload = move || limiter.rule_files.reload(&limiter.rules);
    match tokio::task::spawn_blocking(reload).await {
        Ok(reloaded) => reloaded.map(|_| StatusCode::NO_CONTENT).map_err(Into::into),
        Err(panic) => Err(Problem::internal(panic)),
    }
}
