//! The front door that speaks as Bitly's API, version 4: `/v4/...`.
//!
//! Its clients send `bit.ly` as the domain and as the first half of every link's id; here any host
//! that is no branded domain means the service's own. A group is a namespace.
//!
//! Source: <https://dev.bitly.com/api-reference/>.

mod account;
mod links;
mod metrics;
mod refusal;
mod wire;

use axum::Router;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::routing::{get, post};
use http::request::Parts;
use http::{HeaderMap, header};
use kit::door::Door;
use serde::de::DeserializeOwned;

use crate::Shorteners;
use crate::doors::{api_base, set_bearer};
use crate::http::Asking;
use refusal::Refusal;

/// The routes. They are Bitly's to describe, so they are in no OpenAPI document of ours.
pub fn router(door: Door<Shorteners>) -> Router {
    Router::new()
        .route("/v4/shorten", post(links::shorten))
        .route("/v4/expand", post(links::expand))
        .route("/v4/bitlinks", post(links::create))
        .route(
            // An id has a slash, which some clients escape and others do not.
            "/v4/bitlinks/{*bitlink}",
            get(metrics::bitlink).patch(links::change).delete(links::delete),
        )
        .route("/v4/user", get(account::user))
        .route("/v4/groups", get(account::groups))
        .route("/v4/groups/{guid}", get(account::group))
        .route("/v4/groups/{guid}/bitlinks", get(account::bitlinks))
        .with_state(door)
}

/// A caller whose credential may stand in `Authorization` without a scheme, as Bitly allows.
struct Bitly {
    asking: Asking,
    /// What addresses of this API begin with for the caller.
    api: String,
}

impl FromRequestParts<Door<Shorteners>> for Bitly {
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        door: &Door<Shorteners>,
    ) -> Result<Self, Refusal> {
        if let Some(token) = bare_token(&parts.headers) {
            set_bearer(&mut parts.headers, &token);
        }
        let api = api_base(parts);
        Ok(Self { asking: Asking::from_request_parts(parts, door).await?, api })
    }
}

impl Bitly {
    /// Where the caller's group is described.
    fn group_url(&self) -> String {
        format!("{}/v4/groups/{}", self.api, self.asking.principal.namespace)
    }
}

fn bare_token(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?.trim();
    (!value.is_empty() && !value.contains(' ')).then(|| value.to_owned())
}

/// A JSON body; what is wrong with it is told in Bitly's words.
struct Body<T>(T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        Ok(Self(kit::http::Json::from_request(request, state).await?.0))
    }
}
