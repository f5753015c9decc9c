//! The REST front door: decisions for gateways, and what operators need.

mod decide;
mod later;
mod operate;
mod rules;
pub mod wire;

use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::request::Parts;
use kit::auth::Principal;
use kit::door::{Caller, Door};
use kit::http::Problem;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Limiters;
use crate::service::Limiter;

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

/// A caller and the limiter of its namespace.
pub(crate) struct Asking {
    pub(crate) limiter: Arc<Limiter>,
    principal: Arc<Principal>,
}

impl FromRequestParts<Door<Limiters>> for Asking {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, door: &Door<Limiters>) -> Result<Self, Problem> {
        let caller = Caller::<Limiters>::from_request_parts(parts, door).await?;
        Ok(Self { limiter: caller.room, principal: caller.principal })
    }
}

/// A caller that may have decisions, known before anything else of its request is looked at.
pub(crate) struct Decider(pub(crate) Asking);

/// A caller that may look at rules and counts.
pub(crate) struct Reader(Asking);

/// A caller that may change them, and see callers.
pub(crate) struct Operator(Asking);

impl FromRequestParts<Door<Limiters>> for Decider {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, door: &Door<Limiters>) -> Result<Self, Problem> {
        let asking = Asking::from_request_parts(parts, door).await?;
        asking.limiter.may_decide(&asking.principal)?;
        Ok(Self(asking))
    }
}

impl FromRequestParts<Door<Limiters>> for Reader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, door: &Door<Limiters>) -> Result<Self, Problem> {
        let asking = Asking::from_request_parts(parts, door).await?;
        asking.principal.require(READ)?;
        Ok(Self(asking))
    }
}

impl FromRequestParts<Door<Limiters>> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, door: &Door<Limiters>) -> Result<Self, Problem> {
        let asking = Asking::from_request_parts(parts, door).await?;
        asking.principal.require(ADMIN)?;
        Ok(Self(asking))
    }
}
