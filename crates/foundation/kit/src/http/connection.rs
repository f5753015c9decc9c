//! One connection: HTTP/1.1 or HTTP/2 on it, each request to the handler, and out when told.
//!
//! Cost of a request that [`Handler::fast`] answers: no allocation, lock or call into the system
//! beyond what hyper itself does.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::IntoResponse;
use http::StatusCode;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Problem;
use super::problem::PROBLEM_JSON;
use crate::net::activity::{Command, InFlight};
use crate::net::faults::Action;
use crate::net::{Connection, Peer, Protocol};

/// An answer as axum and the layers make it.
pub type Response = axum::response::Response;

/// A boxed future, for traits whose futures differ.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Headers of one request at most, in bytes; more is a 431.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// What answers the requests of a listener.
pub trait Handler: Send + Sync + 'static {
    /// Answered on the spot, without a task switch or a boxed future; `None` sends the request to
    /// [`Handler::call`]. It must not block. A HEAD request's body is dropped by the connection.
    /// What it leaves in the request's extensions is there in [`Handler::call`].
    fn fast(&self, request: &mut http::Request<Incoming>, peer: &Peer) -> Option<Response>;

    /// Answers in its own time; the time limit is the handler's, not the connection's.
    fn call(&self, request: axum::extract::Request, peer: Peer) -> BoxFuture<'static, Response>;
}

/// A router as a [`Handler`] with nothing fast; handlers find the [`Peer`] in the extensions.
#[derive(Clone, Debug)]
pub struct Routed(pub axum::Router);

impl Handler for Routed {
    fn fast(&self, _: &mut http::Request<Incoming>, _: &Peer) -> Option<Response> {
        None
    }

    fn call(
        &self,
        mut request: axum::extract::Request,
        peer: Peer,
    ) -> BoxFuture<'static, Response> {
        request.extensions_mut().insert(peer);
        let router = self.0.clone();
        Box::pin(async move {
            let Ok(response) = tower::ServiceExt::oneshot(router, request).await;
            response
        })
    }
}

/// HTTP/1 and HTTP/2 on a listener's connections.
pub struct Http<H> {
    handler: Arc<H>,
    builder: Builder<TokioExecutor>,
}

impl<H: Handler> Http<H> {
    /// Each request goes to `handler`.
    pub fn new(handler: H) -> Self {
        Self { handler: Arc::new(handler), builder: builder() }
    }
}

/// HTTP/1 and HTTP/2 by the first bytes; without hyper's header timer, which allocates and locks
/// for every request, because the roster's sweep does its work.
fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().header_read_timeout(None).max_buf_size(HEADER_BYTES_MAX);
    let header_bytes_max = u32::try_from(HEADER_BYTES_MAX).unwrap_or(u32::MAX);
    builder.http2().max_header_list_size(header_bytes_max).max_concurrent_streams(256);
    builder
}

impl<H: Handler> Protocol for Http<H> {
    async fn serve<S>(self: Arc<Self>, socket: S, connection: Connection)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (activity, mut known) = (Arc::clone(&connection.activity), None);
        let requests = Requests { handler: Arc::clone(&self.handler), connection };
        let served = self.builder.serve_connection_with_upgrades(TokioIo::new(socket), requests);
        let mut served = pin!(served);
        let mut is_finishing = false;
        std::future::poll_fn(|cx| {
            match activity.command(cx.waker(), &mut known) {
                Command::Serve => {}
                Command::Finish if is_finishing => {}
                Command::Finish => {
                    is_finishing = true;
                    served.as_mut().graceful_shutdown();
                }
                Command::Cut => return Poll::Ready(()),
            }
            // Its errors are the peer's: broken off, not HTTP, too slow. Nobody is left to be told.
            served.as_mut().poll(cx).map(drop)
        })
        .await;
    }

    fn refusal(&self, connections_max: usize) -> Vec<u8> {
        let detail = format!("All {connections_max} connections are taken; try again shortly.");
        let document = Problem::unavailable(detail).document();
        let length = document.len();
        format!(
            "HTTP/1.1 503 Service Unavailable\r\ncontent-type: {PROBLEM_JSON}\r\n\
             content-length: {length}\r\nretry-after: 1\r\ncache-control: no-store\r\n\
             connection: close\r\n\r\n{document}"
        )
        .into_bytes()
    }
}

struct Requests<H> {
    handler: Arc<H>,
    connection: Connection,
}

impl<H: Handler> hyper::service::Service<http::Request<Incoming>> for Requests<H> {
    type Response = Response;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, mut request: http::Request<Incoming>) -> Answer {
        let connection = &self.connection;
        connection.activity.request_began(request.version() == http::Version::HTTP_2);
        if let Some(faults) = &connection.faults
            && let Some(action) = faults.strike(connection.door, request.uri().path())
        {
            return self.faulty(action, request);
        }
        match self.handler.fast(&mut request, &connection.peer) {
            Some(response) => Answer::Ready(Some(response)),
            None => self.later(self.handler.call(request.map(Body::new), connection.peer)),
        }
    }
}

impl<H: Handler> Requests<H> {
    fn later(&self, future: BoxFuture<'static, Response>) -> Answer {
        Answer::Later(future, InFlight::new(&self.connection.activity))
    }

    fn faulty(&self, action: Action, mut request: http::Request<Incoming>) -> Answer {
        match action {
            Action::Refuse(status) => {
                let status = StatusCode::from_u16(status).unwrap_or_default();
                let problem = Problem::of_status(status).detail("A fault rule refused this.");
                Answer::Ready(Some(problem.into_response()))
            }
            Action::Cut => {
                self.connection.activity.tell(Command::Cut);
                self.later(Box::pin(std::future::pending()))
            }
            Action::LatencyMs(latency_ms) => {
                let (handler, peer) = (Arc::clone(&self.handler), self.connection.peer);
                self.later(Box::pin(async move {
                    tokio::time::sleep(Duration::from_millis(latency_ms.into())).await;
                    match handler.fast(&mut request, &peer) {
                        Some(response) => response,
                        None => handler.call(request.map(Body::new), peer).await,
                    }
                }))
            }
        }
    }
}

/// An answer that is there already, or one that is being made.
enum Answer {
    Ready(Option<Response>),
    Later(BoxFuture<'static, Response>, #[expect(dead_code, reason = "a guard")] InFlight),
}

impl Future for Answer {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Ready(response) => match response.take() {
                Some(response) => Poll::Ready(Ok(response)),
                None => Poll::Pending,
            },
            Self::Later(future, _) => future.as_mut().poll(cx).map(Ok),
        }
    }
}
