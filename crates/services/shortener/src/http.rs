//! The REST front door: the requirement's API, both path styles, and what goes with it.

mod exchange;
mod hosts;
mod insight;
mod links;
mod refusal;
pub mod wire;

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::middleware::from_fn_with_state;
use http::request::Parts;
use kit::door::{Caller, Door, host_of, idempotent};
use kit::http::{Peer, Problem};
use kit::namespace::NamespaceName;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::Shorteners;
use crate::model::{Author, ShortAddress};
use crate::public::forwarded_for;
use crate::service::Shortener;

/// What a principal needs to read links, to make and change its own, and to decide for all.
pub const READ: &str = "shortener:read";
/// See [`READ`].
pub const WRITE: &str = "shortener:write";
/// See [`READ`].
pub const ADMIN: &str = "shortener:admin";

/// The routes and their description.
pub fn router(door: Door<Shorteners>) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(links::shorten))
        .routes(routes!(links::create))
        .routes(routes!(links::target))
        .routes(routes!(links::look_up, links::change, links::delete))
        .routes(routes!(links::own))
        .routes(routes!(insight::stats))
        .routes(routes!(insight::visits))
        .routes(routes!(insight::qr))
        .routes(routes!(exchange::take_in))
        .routes(routes!(exchange::give_out))
        .routes(routes!(hosts::domains, hosts::add_domain))
        .routes(routes!(hosts::remove_domain))
        .routes(routes!(hosts::blocked, hosts::block))
        .routes(routes!(hosts::unblock))
        .route_layer(from_fn_with_state(door.clone(), idempotent::<Shorteners>))
        .with_state(door)
}

/// Every door on links: the API of our own and those of other shorteners.
pub fn doors(door: Door<Shorteners>) -> axum::Router {
    let own: axum::Router = router(door.clone()).into();
    own.merge(compatible(door))
}

/// The doors that speak as other shorteners. Their makers describe them; we add no description.
pub fn compatible(door: Door<Shorteners>) -> axum::Router {
    crate::bitly::router(door.clone())
        .merge(crate::yourls::router(door.clone()))
        .merge(crate::shlink::router(door))
}

/// A caller with what the service wants to know of it.
pub(crate) struct Asking {
    pub(crate) shortener: Arc<Shortener>,
    pub(crate) author: Author,
    /// What short URLs begin with for this caller.
    pub(crate) base: String,
    pub(crate) principal: Arc<kit::auth::Principal>,
}

impl FromRequestParts<Door<Shorteners>> for Asking {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        door: &Door<Shorteners>,
    ) -> Result<Self, Problem> {
        let caller = Caller::<Shorteners>::from_request_parts(parts, door).await?;
        Ok(Self::new(caller, parts, door))
    }
}

impl Asking {
    pub(crate) fn new(caller: Caller<Shorteners>, parts: &Parts, door: &Door<Shorteners>) -> Self {
        let Caller { principal, room: shortener } = caller;
        let settings = &shortener.settings;
        let is_anonymous = principal.kind == kit::auth::Kind::Anonymous;
        let peer = parts.extensions.get::<Peer>().map(|peer| peer.address.ip());
        let behind = settings.trust_proxy_headers.then(|| forwarded_for(&parts.headers)).flatten();
        let address = behind.or(peer).map(|address| address.to_string());
        let limited_by = match is_anonymous {
            true => address.unwrap_or_default(),
            false => principal.id.clone(),
        };
        let author = Author {
            id: if is_anonymous { String::new() } else { principal.id.clone() },
            is_admin: principal.may(ADMIN),
            limited_by,
        };
        let base = match &settings.base_url {
            Some(base) => base.clone(),
            None => base_of_request(parts, &principal.namespace, door.hosts.localhost),
        };
        Self { shortener, author, base, principal }
    }

    pub(crate) fn require(&self, scope: &str) -> Result<(), Problem> {
        Ok(self.principal.require(scope)?)
    }
}

/// The address that a path and query name.
pub(crate) fn address_of(code: String, domain: Option<String>) -> ShortAddress {
    ShortAddress { domain: domain.unwrap_or_default().to_ascii_lowercase(), code }
}

/// Where the caller came to is where the short URL leads; a namespace of `dev` has a host.
fn base_of_request(parts: &Parts, namespace: &NamespaceName, localhost: bool) -> String {
    let tls = parts.extensions.get::<Peer>().is_some_and(|peer| peer.tls);
    let scheme = if tls { "https" } else { "http" };
    let host = host_of(&parts.headers, &parts.uri);
    if localhost && namespace.as_str() != NamespaceName::DEFAULT {
        let port = host.rsplit_once(':').map(|(_, port)| format!(":{port}")).unwrap_or_default();
        return format!("{scheme}://{namespace}.localhost{port}");
    }
    format!("{scheme}://{host}")
}
