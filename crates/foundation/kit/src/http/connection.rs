//! One connection: HTTP/1.1 or HTTP/2 on it, each request to the handler, and out when told.
//!
//! Cost of a request that [`Handler::fast`] answers: no allocation, lock or call into the system
//! beyond what hyper itself does.

use std::convert::Infallible;
use std::net::SocketAddr;
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
use super::activity::{Activity, Command, InFlight};
use super::faults::{Action, Faults};

/// An answer as axum and the layers make it.
pub type Response = axum::response::Response;

/// A boxed future, for traits whose futures differ.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Headers of one request at most, in bytes; more is a 431.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// Who is at the other end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The address that the connection came from; a proxy's, where there is one.
    pub address: SocketAddr,
    /// Whether the connection is under TLS.
    pub tls: bool,
}

/// What answers the requests of a listener.
pub trait Handler: Send + Sync + 'static {
    /// Answered on the spot, without a task switch or a boxed future; `None` sends the request to
    /// [`Handler::call`]. It must not block. A HEAD request's body is dropped by the connection.
    fn fast(&self, request: &http::Request<Incoming>, peer: &Peer) -> Option<Response>;

    /// Answers in its own time; the time limit is the handler's, not the connection's.
    fn call(&self, request: axum::extract::Request, peer: Peer) -> BoxFuture<'static, Response>;
}

/// A router as a [`Handler`] with nothing fast; handlers find the [`Peer`] in the extensions.
#[derive(Clone, Debug)]
pub struct Routed(pub axum::Router);

impl Handler for Routed {
    fn fast(&self, _: &http::Request<Incoming>, _: &Peer) -> Option<Response> {
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

/// What the connections of one listener share.
pub(super) struct Door<H> {
    pub(super) name: &'static str,
    pub(super) handler: Arc<H>,
    pub(super) faults: Option<Arc<Faults>>,
    pub(super) protocol: Builder<TokioExecutor>,
}

/// HTTP/1 and HTTP/2 by the first bytes; without hyper's header timer, which allocates and locks
/// for every request, because the roster's sweep does its work.
pub(super) fn protocol() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().header_read_timeout(None).max_buf_size(HEADER_BYTES_MAX);
    let header_bytes_max = u32::try_from(HEADER_BYTES_MAX).unwrap_or(u32::MAX);
    builder.http2().max_header_list_size(header_bytes_max).max_concurrent_streams(256);
    builder
}

/// Serves a connection until its peer, the drain or the roster ends it.
pub(super) async fn serve<H: Handler, S>(
    socket: S,
    door: Arc<Door<H>>,
    peer: Peer,
    activity: Arc<Activity>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (own, mut known) = (Arc::clone(&activity), None);
    let service = Requests { door: Arc::clone(&door), peer, activity };
    let protocol = &door.protocol;
    let connection = protocol.serve_connection_with_upgrades(TokioIo::new(socket), service);
    let mut connection = pin!(connection);
    let mut is_finishing = false;
    std::future::poll_fn(|cx| {
        match own.command(cx.waker(), &mut known) {
            Command::Serve => {}
            Command::Finish if is_finishing => {}
            Command::Finish => {
                is_finishing = true;
                connection.as_mut().graceful_shutdown();
            }
            Command::Cut => return Poll::Ready(()),
        }
        // Its errors are the peer's: broken off, not HTTP, too slow. Nobody is left to be told.
        connection.as_mut().poll(cx).map(drop)
    })
    .await;
}

/// Waits for something that comes before the first request, unless the connection is cut.
pub(super) async fn unless_cut<T>(activity: &Activity, work: impl Future<Output = T>) -> Option<T> {
    let (mut work, mut known) = (pin!(work), None);
    std::future::poll_fn(|cx| match activity.command(cx.waker(), &mut known) {
        Command::Cut => Poll::Ready(None),
        _ => work.as_mut().poll(cx).map(Some),
    })
    .await
}

struct Requests<H> {
    door: Arc<Door<H>>,
    peer: Peer,
    activity: Arc<Activity>,
}

impl<H: Handler> hyper::service::Service<http::Request<Incoming>> for Requests<H> {
    type Response = Response;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: http::Request<Incoming>) -> Answer {
        self.activity.request_began(request.version());
        if let Some(faults) = &self.door.faults
            && let Some(action) = faults.strike(self.door.name, request.uri().path())
        {
            return self.faulty(action, request);
        }
        match self.door.handler.fast(&request, &self.peer) {
            Some(response) => Answer::Ready(Some(response)),
            None => self.later(self.door.handler.call(request.map(Body::new), self.peer)),
        }
    }
}

impl<H: Handler> Requests<H> {
    fn later(&self, future: BoxFuture<'static, Response>) -> Answer {
        Answer::Later(future, InFlight::new(&self.activity))
    }

    fn faulty(&self, action: Action, request: http::Request<Incoming>) -> Answer {
        match action {
            Action::Refuse(status) => {
                let status = StatusCode::from_u16(status).unwrap_or_default();
                let problem = Problem::of_status(status).detail("A fault rule refused this.");
                Answer::Ready(Some(problem.into_response()))
            }
            Action::Cut => {
                self.activity.tell(Command::Cut);
                self.later(Box::pin(std::future::pending()))
            }
            Action::LatencyMs(latency_ms) => {
                let (door, peer) = (Arc::clone(&self.door), self.peer);
                self.later(Box::pin(async move {
                    tokio::time::sleep(Duration::from_millis(latency_ms.into())).await;
                    match door.handler.fast(&request, &peer) {
                        Some(response) => response,
                        None => door.handler.call(request.map(Body::new), peer).await,
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
