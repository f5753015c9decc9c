//! What stands around every router, from the outside in: request id; span, log and observer;
//! bare errors into problems; time limit; panics into problems; compression; CORS; body limit.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use http_body::Body;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tracing::Instrument;

use super::access::{Access, Observer};
use super::body::BodyLimit;
use super::cors::CorsOrigins;
use super::problem::Problem;
use super::request_id::{RequestId, X_REQUEST_ID};

/// A request that took too long may find us less busy after this.
const TIMEOUT_RETRY_AFTER_S: u32 = 1;

/// What [`layers`] applies.
#[derive(Clone)]
pub struct LayerSettings {
    /// For bodies that a route does not limit otherwise.
    pub body_limit: BodyLimit,
    /// From a request's head to its answer's; longer is a 503 of kind `timeout`.
    pub handler_timeout_ms: u64,
    /// Origins whose pages may call; none by default.
    pub cors_origins: CorsOrigins,
    /// Makes the id of a request that came without one.
    pub request_ids: Arc<dyn Fn() -> String + Send + Sync>,
    /// What is to know of requests besides the log.
    pub observer: Option<Arc<dyn Observer>>,
}

impl LayerSettings {
    /// 1 MiB of body, 30 s for a handler, no other origins, no observer.
    pub fn new(request_ids: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self {
            body_limit: BodyLimit::default(),
            handler_timeout_ms: 30_000,
            cors_origins: CorsOrigins::default(),
            request_ids: Arc::new(request_ids),
            observer: None,
        }
    }
}

/// Puts the layers around a finished router: what is added to it later stands outside of them.
pub fn layers(router: Router, settings: &LayerSettings) -> Router {
    // Each `layer` goes around those before it.
    let router = router.layer(DefaultBodyLimit::max(settings.body_limit.bytes));
    let router = match settings.cors_origins.layer() {
        Some(cors) => router.layer(cors),
        None => router,
    };
    router
        .layer(CompressionLayer::new())
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(Arc::new(settings.clone()), around))
}

async fn around(
    State(settings): State<Arc<LayerSettings>>,
    mut request: Request,
    next: Next,
) -> Response {
    let id = RequestId::accept_or(request.headers(), || (settings.request_ids)());
    let access = Access::begin(&request, id.clone());
    request.extensions_mut().insert(id.clone());
    request.extensions_mut().insert(settings.body_limit);
    let limit = Duration::from_millis(settings.handler_timeout_ms);
    let answer = async {
        match tokio::time::timeout(limit, next.run(request)).await {
            Ok(response) => without_bare_errors(response),
            Err(_) => timed_out(settings.handler_timeout_ms),
        }
    };
    let mut response = answer.instrument(access.span()).await;
    response.headers_mut().insert(X_REQUEST_ID, id.to_header());
    access.end(response.status(), settings.observer.as_ref());
    response
}

fn timed_out(limit_ms: u64) -> Response {
    let detail = format!("There was no answer within {limit_ms} ms. It may still take effect.");
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", "Took too long")
        .detail(detail)
        .retry_after(TIMEOUT_RETRY_AFTER_S)
        .into_response()
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    Problem::internal(format!("panic: {}", text.unwrap_or("without a text"))).into_response()
}

/// axum answers an unknown path or method with a status and nothing else; so may a handler. Each
/// becomes a problem that keeps the answer's headers.
fn without_bare_errors(response: Response) -> Response {
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let is_bare = response.body().size_hint().exact() == Some(0)
        && !response.headers().contains_key(header::CONTENT_TYPE);
    if !is_error || !is_bare {
        return response;
    }
    let mut headers = response.into_parts().0.headers;
    headers.remove(header::CONTENT_LENGTH);
    let mut response = Problem::of_status(status).detail(explained(status)).into_response();
    for (name, value) in response.headers() {
        headers.entry(name).or_insert_with(|| value.clone());
    }
    *response.headers_mut() = headers;
    response
}

fn explained(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND => "There is nothing at this address.",
        // axum adds `Allow` outside of all layers, so its value cannot be told here.
        StatusCode::METHOD_NOT_ALLOWED => "Use a method that the Allow header lists.",
        _ => "",
    }
}
