//! The REST front door: decisions for gateways, and what operators need.

mod decide;
mod later;
mod operate;
mod rules;
pub mod wire;

use kit::door::{Caller, Door, Right};
use kit::http::Problem;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Limiters;

/// What a principal needs to look at rules and counts.
pub const READ: &str = "limiter:read";
/// What a principal needs to change rules and counts, and to see callers.
pub const ADMIN: &str = "limiter:admin";

/// The routes and their description.
pub fn router(door: Door<Limiters>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(decide::decide))
        .routes(routes!(decide::explain))
        .routes(routes!(decide::release))
        .routes(routes!(decide::refund))
        .routes(routes!(decide::reset))
        .routes(routes!(rules::list))
        .routes(routes!(rules::validate))
        .routes(routes!(rules::replay))
        .routes(routes!(rules::show, rules::put, rules::remove))
        .routes(routes!(later::claim))
        .routes(routes!(later::done))
        .routes(routes!(later::queues))
        .routes(routes!(operate::offenders))
        .routes(routes!(operate::memory))
        .routes(routes!(operate::reload))
        .with_state(door)
}

/// To have decisions.
pub(crate) struct Decide;

/// To look at rules and counts.
pub(crate) struct Read;

/// To change them, and to see callers.
pub(crate) struct Administer;

impl Right for Decide {
    type System = Limiters;

    fn check(caller: &Caller<Limiters>) -> Result<(), Problem> {
        Ok(caller.room.may_decide(&caller.principal)?)
    }
}

impl Right for Read {
    type System = Limiters;

    fn check(caller: &Caller<Limiters>) -> Result<(), Problem> {
        Ok(caller.principal.require(READ)?)
    }
}

impl Right for Administer {
    type System = Limiters;

    fn check(caller: &Caller<Limiters>) -> Result<(), Problem> {
        Ok(caller.principal.require(ADMIN)?)
    }
}
