//! The front door that speaks as Shlink's REST API, version 3: `/rest/v3/...`.
//!
//! Older versions are the same routes: their clients find the fields of version 3. Shlink's
//! visits to no link ("orphans") are not recorded here, so there are none.
//!
//! Source: <https://api-spec.shlink.io/>.

mod lists;
mod refusal;
mod short_urls;
mod visits;
mod wire;

use axum::Router;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::routing::get;
use http::StatusCode;
use http::request::Parts;
use kit::door::Door;
use serde::de::DeserializeOwned;

use crate::Shorteners;
use crate::http::Asking;
use crate::model::ShortAddress;
use refusal::Refusal;

/// The routes. They are Shlink's to describe, so they are in no OpenAPI document of ours.
pub fn router(door: Door<Shorteners>) -> Router {
    let version = Router::new()
        .route("/short-urls", get(short_urls::list).post(short_urls::create))
        .route(
            "/short-urls/{code}",
            get(short_urls::show).patch(short_urls::edit).delete(short_urls::delete),
        )
        .route("/short-urls/{code}/visits", get(visits::of_short_url))
        .route(
            "/short-urls/{code}/redirect-rules",
            get(short_urls::rules).post(short_urls::set_rules),
        )
        .route("/visits", get(visits::overview))
        .route("/visits/orphan", get(visits::orphans))
        .route("/tags", get(lists::tags))
        .route("/tags/stats", get(lists::tag_stats))
        .route("/domains", get(lists::domains))
        .route("/health", get(lists::health))
        .route("/mercure-info", get(lists::mercure))
        .fallback(nothing);
    Router::new()
        .route("/rest/health", get(lists::health))
        .nest("/rest/v1", version.clone())
        .nest("/rest/v2", version.clone())
        .nest("/rest/v3", version)
        .with_state(door)
}

async fn nothing() -> Refusal {
    Refusal::not_found("The requested route does not exist here.")
}

/// A caller; who sends no `X-Api-Key` is told so in Shlink's words.
struct Shlink(Asking);

impl FromRequestParts<Door<Shorteners>> for Shlink {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        door: &Door<Shorteners>,
    ) -> Result<Self, Refusal> {
        let has_key = parts.headers.contains_key("x-api-key");
        match Asking::from_request_parts(parts, door).await {
            Ok(asking) => Ok(Self(asking)),
            Err(problem) if problem.status == StatusCode::UNAUTHORIZED => {
                Err(Refusal::unauthenticated(has_key))
            }
            Err(problem) => Err(problem.into()),
        }
    }
}

/// The link that the path and `?domain=` name.
struct Named(ShortAddress);

impl FromRequestParts<Door<Shorteners>> for Named {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        door: &Door<Shorteners>,
    ) -> Result<Self, Refusal> {
        let Path(code) = Path::<String>::from_request_parts(parts, door)
            .await
            .map_err(|refusal| Refusal::invalid(&["shortCode"], refusal.body_text()))?;
        let query = wire::Pairs::of(parts.uri.query());
        // A host that is no branded domain is the service's own, as for visitors.
        let domain = query.get("domain").to_ascii_lowercase();
        let own = own_authority(parts);
        let domain =
            if domain == own || domain == wire::DEFAULT_DOMAIN { String::new() } else { domain };
        Ok(Self(ShortAddress { domain, code }))
    }
}

fn own_authority(parts: &Parts) -> String {
    kit::door::host_of(&parts.headers, &parts.uri).to_ascii_lowercase()
}

/// A JSON body; what is wrong with it is told in Shlink's words.
struct Body<T>(T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        match kit::http::Json::from_request(request, state).await {
            Ok(kit::http::Json(body)) => Ok(Self(body)),
            Err(problem) if problem.status == StatusCode::UNPROCESSABLE_ENTITY => {
                Err(Refusal::invalid(&[], problem.detail))
            }
            Err(problem) => Err(problem.into()),
        }
    }
}
