//! What stands around every router, from the outside in: request id; span, log and observer;
//! bare errors into problems; time limit; panics into problems; compression; CORS; body limit.

use std::any::Any;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
    let time = HandlerTime::of_ms(settings.handler_timeout_ms);
    request.extensions_mut().insert(time.clone());
    let answer = async {
        match within(&time, next.run(request)).await {
            Some(response) => without_bare_errors(response),
            None => timed_out(time.ms()),
        }
    };
    let mut response = answer.instrument(access.span()).await;
    response.headers_mut().insert(X_REQUEST_ID, id.to_header());
    access.end(response.status(), settings.observer.as_ref());
    response
}

/// How long a handler may take. It is in every request's extensions, so that a handler whose work
/// is known to be long, such as reading a large file, can allow itself more.
#[derive(Clone, Debug)]
pub struct HandlerTime(Arc<AtomicU64>);

impl HandlerTime {
    fn of_ms(limit_ms: u64) -> Self {
        Self(Arc::new(AtomicU64::new(limit_ms)))
    }

    /// Allows `span` from the request's beginning, if that is longer than what is allowed.
    pub fn allow(&self, span: Duration) {
        let span_ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        self.0.fetch_max(span_ms, Ordering::Relaxed);
    }

    fn ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What `work` gives, or none when its time is over; the time is looked at again then, because
/// the work may have allowed itself more.
async fn within<T>(time: &HandlerTime, work: impl Future<Output = T>) -> Option<T> {
    let began = tokio::time::Instant::now();
    let mut work = pin!(work);
    loop {
        let allowed_ms = time.ms();
        let end = began + Duration::from_millis(allowed_ms);
        match tokio::time::timeout_at(end, &mut work).await {
            Ok(done) => return Some(done),
            Err(_) if time.ms() > allowed_ms => {}
            Err(_) => return None,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_allowed_itself_more_time_is_waited_for() {
        let time = HandlerTime::of_ms(20);
        let slow = || tokio::time::sleep(Duration::from_millis(60));
        assert_eq!(within(&time, slow()).await, None);
        let patient = async {
            time.allow(Duration::from_secs(60));
            slow().await;
        };
        assert_eq!(within(&time, patient).await, Some(()));
        time.allow(Duration::from_millis(1));
        assert_eq!(time.ms(), 60_000);
    }
}
