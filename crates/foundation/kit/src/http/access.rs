//! What is told of each request: a span while it lasts, a line in the log and a call to an
//! [`Observer`] when it is answered. Neither path nor query is told, for they may hold secrets; the
//! route's pattern stands for both.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use http::{Method, StatusCode};
use tracing::Span;

use crate::telemetry::trace::{self, RequestInfo};

use super::request_id::RequestId;

/// Where a request goes that no route matches, so that paths people guess make no new series.
pub const NO_ROUTE: &str = "(none)";

/// What telemetry does with requests; both calls are on the request's path, so they must not block.
pub trait Observer: Send + Sync + 'static {
    /// After the answer's head is made; its body may still be on its way.
    fn answered(&self, answered: &Answered<'_>);
}

/// A request that was answered.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// Its method.
    pub method: &'a Method,
    /// The pattern of its route, or [`NO_ROUTE`].
    pub route: &'a str,
    /// The answer's status.
    pub status: StatusCode,
    /// From the request's head to the answer's.
    pub elapsed: Duration,
    /// Its id.
    pub request_id: &'a RequestId,
}

/// One request from its head to its answer.
pub(super) struct Access {
    method: Method,
    route: Option<MatchedPath>,
    request_id: RequestId,
    started: Instant,
    span: Span,
}

impl Access {
    pub(super) fn begin(request: &Request, request_id: RequestId) -> Self {
        let route = request.extensions().get::<MatchedPath>().cloned();
        let method = request.method().clone();
        let span = trace::span_for_request(RequestInfo {
            headers: request.headers(),
            method: method.as_str(),
            route: route.as_ref().map_or("", MatchedPath::as_str),
            request_id: request_id.as_str(),
        });
        Self { method, route, request_id, started: Instant::now(), span }
    }

    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    pub(super) fn end(self, status: StatusCode, observer: Option<&Arc<dyn Observer>>) {
        let elapsed = self.started.elapsed();
        let route = name(self.route.as_ref());
        let elapsed_us = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        trace::record_status(&self.span, status.as_u16());
        self.span.in_scope(|| {
            tracing::info!(
                method = self.method.as_str(),
                route,
                status = status.as_u16(),
                elapsed_us,
                "answered"
            );
        });
        if let Some(observer) = observer {
            let (method, request_id) = (&self.method, &self.request_id);
            observer.answered(&Answered { method, route, status, elapsed, request_id });
        }
    }
}

fn name(route: Option<&MatchedPath>) -> &str {
    route.map_or(NO_ROUTE, MatchedPath::as_str)
}
