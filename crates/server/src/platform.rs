//! The house's own API: health, metrics, overview, namespaces, tokens, OAuth, audit, backup.

mod control;
mod namespaces;
mod oauth;
mod overview;
mod tokens;
mod users;

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Bytes;
use axum::extract::FromRequestParts;
use http::request::Parts;
use kit::auth::{Auth, Mode, Principal};
use kit::clock::Stopwatch;
use kit::files::Files;
use kit::http::{Peer, Problem, openapi};
use kit::namespace::Namespaces;
use kit::telemetry::metrics::Metrics;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::data_dir::DataDir;
use crate::systems::{DoorAddress, Front};

/// What the handlers work on.
#[derive(Clone)]
pub struct Platform {
    pub namespaces: Arc<Namespaces>,
    pub auth: Auth,
    pub metrics: Metrics,
    pub mode: Mode,
    pub data: Arc<DataDir>,
    /// The stores beside the namespaces.
    pub control: Files,
    pub started: Stopwatch,
    pub scheme: &'static str,
    pub edge: SocketAddr,
    /// The systems that are switched on.
    pub systems: Arc<[&'static str]>,
    /// Where they answer beside the edge.
    pub doors: Arc<[DoorAddress]>,
    /// The address by which clients of OAuth know this server; empty: that of each request.
    pub issuer: Arc<str>,
}

/// Who calls the platform's own API.
pub struct Operator(pub Arc<Principal>);

impl FromRequestParts<Platform> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, platform: &Platform) -> Result<Self, Problem> {
        match platform.auth.known(&parts.headers) {
            Some(principal) => Ok(Self(principal)),
            None => {
                let source = parts.extensions.get::<Peer>().map(|peer| peer.address.ip());
                Ok(Self(platform.auth.authenticate_from(&parts.headers, source).await?))
            }
        }
    }
}

impl Operator {
    fn require(&self, scope: &str) -> Result<(), Problem> {
        Ok(self.0.require(scope)?)
    }
}

/// The OpenAPI document, made when it is first asked for: a start need not wait for it.
pub type Document = LazyLock<Bytes, Box<dyn FnOnce() -> Bytes + Send>>;

/// The routes, and the document that describes them together with those of the systems.
pub fn router(platform: Platform, fronts: &[Front]) -> (Router, Document) {
    let (router, own) = OpenApiRouter::new()
        .routes(routes!(overview::health))
        .routes(routes!(overview::ready))
        .routes(routes!(overview::metrics))
        .routes(routes!(overview::overview))
        .routes(routes!(overview::session))
        .routes(routes!(tokens::login))
        .routes(routes!(namespaces::list, namespaces::create))
        .routes(routes!(namespaces::remove))
        .routes(routes!(namespaces::fork))
        .routes(routes!(namespaces::reset))
        .routes(routes!(namespaces::backup))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(tokens::audit))
        .routes(routes!(users::list, users::create))
        .routes(routes!(users::change))
        .routes(routes!(tokens::logout))
        .routes(routes!(oauth::clients::list, oauth::clients::create))
        .routes(routes!(oauth::clients::remove))
        .routes(routes!(oauth::metadata::metadata))
        .routes(routes!(oauth::authorize::show, oauth::authorize::decide))
        .routes(routes!(oauth::token::token))
        .routes(routes!(oauth::device::begin))
        .routes(routes!(oauth::device::show, oauth::device::decide))
        .routes(routes!(oauth::issued::revoke))
        .routes(routes!(oauth::issued::introspect))
        .with_state(platform)
        .split_for_parts();
    let systems = fronts.iter().map(|front| (format!("/{}", front.name), front.api.clone()));
    let parts: Vec<_> = [(String::new(), own)].into_iter().chain(systems).collect();
    let document = LazyLock::new(Box::new(move || {
        let document = openapi::document("Backplane", env!("CARGO_PKG_VERSION"), parts);
        // It is made of static descriptions; it serialises or no build would pass its test.
        document.to_pretty_json().unwrap_or_default().into()
    }) as _);
    (router, document)
}
