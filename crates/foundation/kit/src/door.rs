//! From a request to a call: whose it is, and which namespace's instance answers it.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};

use crate::auth::{Auth, AuthError, Principal};
use crate::clock::Clock;
use crate::http::{Peer, Problem};
use crate::idempotency::with_idempotency;
use crate::namespace::{NamespaceError, NamespaceName};
use crate::sql::{Db, SqlError};
use crate::system::{Rooms, System};

/// The state of a system's HTTP front doors. Cheap to clone.
pub struct Door<S> {
    /// The system's instances.
    pub rooms: Rooms<S>,
    /// Who is who.
    pub auth: Auth,
    /// Which host belongs to which namespace.
    pub hosts: Arc<Hosts>,
}

impl<S> Clone for Door<S> {
    fn clone(&self) -> Self {
        let (rooms, auth) = (self.rooms.clone(), self.auth.clone());
        Self { rooms, auth, hosts: Arc::clone(&self.hosts) }
    }
}

/// A request's principal and the instance of its namespace; an axum extractor.
pub struct Caller<S: System> {
    /// Who asks.
    pub principal: Arc<Principal>,
    /// What answers.
    pub room: Arc<S::Instance>,
}

impl<S: System> FromRequestParts<Door<S>> for Caller<S> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, door: &Door<S>) -> Result<Self, Problem> {
        let principal = match door.auth.known(&parts.headers) {
            Some(principal) => principal,
            None => {
                let source = parts.extensions.get::<Peer>().map(|peer| peer.address.ip());
                door.auth.authenticate_from(&parts.headers, source).await?
            }
        };
        let room = door.rooms.open(&principal.namespace).await?;
        Ok(Self { principal, room })
    }
}

/// What a caller must be allowed for a kind of requests.
pub trait Right: Send + Sync + 'static {
    /// Whose requests.
    type System: System;

    /// Refuses a caller that may not.
    ///
    /// # Errors
    /// What it is answered with.
    fn check(caller: &Caller<Self::System>) -> Result<(), Problem>;
}

/// The instance of a caller that has the right, as an axum extractor: first among a handler's
/// arguments it refuses others before anything else of their request is looked at.
pub struct May<R: Right>(pub Arc<<R::System as System>::Instance>);

impl<R: Right> FromRequestParts<Door<R::System>> for May<R> {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        door: &Door<R::System>,
    ) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, door).await?;
        R::check(&caller)?;
        Ok(Self(caller.room))
    }
}

/// An instance whose answers to writes can be kept for repeats.
pub trait Stored {
    /// Where they are kept.
    fn sql(&self) -> &Db;
    /// The time they are kept by.
    fn clock(&self) -> &Clock;
}

/// A middleware for a system's routes: a write that carries an `Idempotency-Key` takes effect
/// once, and a repeat gets the first answer (see [`crate::idempotency`]).
pub async fn idempotent<S>(State(door): State<Door<S>>, request: Request, next: Next) -> Response
where
    S: System,
    S::Instance: Stored,
{
    if !request.headers().contains_key(crate::idempotency::KEY_HEADER) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let caller = match Caller::<S>::from_request_parts(&mut parts, &door).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let request = Request::from_parts(parts, body);
    let (sql, clock) = (caller.room.sql(), caller.room.clock());
    with_idempotency(sql, &caller.principal, clock, request, next).await
}

/// Places requests without a credential by their host name.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    /// Exact host names, in lower case and without a port.
    pub namespaces: HashMap<String, NamespaceName>,
    /// Whether `NAME.localhost` is the namespace `NAME`: `dev` only.
    pub localhost: bool,
}

impl Hosts {
    /// The namespace that `host` (with or without a port) stands for; `default` for all others.
    pub fn namespace_of(&self, host: &str) -> NamespaceName {
        let host = host_without_port(host);
        if !self.namespaces.is_empty()
            && let Some(namespace) = self.namespaces.get(&*host.to_ascii_lowercase())
        {
            return namespace.clone();
        }
        let label = host.strip_suffix(".localhost").filter(|_| self.localhost);
        let named = label.and_then(|label| label.parse().ok());
        named.unwrap_or_else(NamespaceName::default_name)
    }
}

/// The host a request was sent to, as it stands in the request.
pub fn host_of<'r>(headers: &'r HeaderMap, uri: &'r http::Uri) -> &'r str {
    // HTTP/2 has it in the URI, HTTP/1.1 in a header.
    let header = || headers.get(header::HOST).and_then(|host| host.to_str().ok());
    uri.authority().map(http::uri::Authority::as_str).or_else(header).unwrap_or_default()
}

/// `example.com:8080` to `example.com`; an IPv6 address keeps its brackets.
pub fn host_without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match &error {
            AuthError::TooMany { retry_after_s } => Self::too_many(error.to_string())
                .retry_after(u32::try_from(*retry_after_s).unwrap_or(u32::MAX)),
            AuthError::Store(refusal) => refusal.clone().into(),
            _ => Self::of_status(error.status()).detail(error.to_string()),
        }
    }
}

impl From<NamespaceError> for Problem {
    fn from(error: NamespaceError) -> Self {
        let text = error.to_string();
        match error {
            NamespaceError::NotFound(_) => Self::not_found(text),
            NamespaceError::Exists(_) | NamespaceError::Kept(_) => Self::conflict(text),
            NamespaceError::TooMany => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "too-many-namespaces", "Too many")
                    .detail(text)
            }
            NamespaceError::External(_) => Self::unprocessable(text),
            NamespaceError::Busy(_) => Self::unavailable(text).retry_after(1),
            NamespaceError::Open(error) => {
                tracing::error!(%error, "a system could not be opened");
                Self::unavailable(format!("{} is not available", error.system)).retry_after(5)
            }
            NamespaceError::Storage(error) => error.into(),
        }
    }
}

impl From<SqlError> for Problem {
    fn from(error: SqlError) -> Self {
        match &error {
            SqlError::Full(_) => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "storage-full", "The disk is full")
                    .detail("nothing was stored; reads go on, and writes when space returns")
                    .retry_after(5)
            }
            SqlError::ReadOnly(..) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "storage-read-only",
                "The store cannot be written",
            )
            .detail("nothing was stored; the operator has to make the data directory writable")
            .retry_after(30),
            error if error.is_temporary() => {
                tracing::warn!(%error, "the store refused");
                Self::unavailable("the store cannot answer at the moment").retry_after(1)
            }
            error => Self::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_stands_for_a_namespace() {
        let named = HashMap::from([("sho.rt".to_owned(), "team".parse().unwrap())]);
        let hosts = Hosts { namespaces: named, localhost: true };
        for (host, namespace) in [
            ("sho.rt", "team"),
            ("Sho.Rt:443", "team"),
            ("a-b.localhost:8080", "a-b"),
            ("localhost:8080", "default"),
            ("a.b.localhost", "default"),
            ("127.0.0.1:8080", "default"),
            ("[::1]:8080", "default"),
            ("", "default"),
        ] {
            assert_eq!(hosts.namespace_of(host).as_str(), namespace, "{host}");
        }
        assert_eq!(Hosts::default().namespace_of("a.localhost").as_str(), "default");
        assert_eq!(host_without_port("[::1]:80"), "[::1]");
    }
}
