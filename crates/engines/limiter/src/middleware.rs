//! A [`Gate`] as a layer of tower, for servers made of axum routers: the request's [`Peer`] is
//! expected in its extensions, where the house's listeners put it.

use std::convert::Infallible;
use std::task::{Context, Poll};

use axum::extract::Request;
use axum::response::Response;
use kit::http::{BoxFuture, Peer};
use tower::{Layer, Service};

use crate::gate::{Gate, Passage};

/// Puts a gate in front of a service.
#[derive(Clone)]
pub struct LimitLayer(pub Gate);

/// A service behind a gate.
#[derive(Clone)]
pub struct Limited<S> {
    gate: Gate,
    inner: S,
}

impl<S> Layer<S> for LimitLayer {
    type Service = Limited<S>;

    fn layer(&self, inner: S) -> Limited<S> {
        Limited { gate: self.0.clone(), inner }
    }
}

impl<S> Service<Request> for Limited<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let gate = self.gate.clone();
        let unready = self.inner.clone();
        // The one that was polled ready is the one to call.
        let mut inner = std::mem::replace(&mut self.inner, unready);
        Box::pin(async move {
            let Some(peer) = request.extensions().get::<Peer>().copied() else {
                tracing::error!("a request came to the limiter without its peer; it passes");
                return inner.call(request).await;
            };
            // The head alone is ruled on: a body cannot be shared between threads.
            let (parts, body) = request.into_parts();
            let head = http::Request::from_parts(parts, ());
            let passage = gate.pass(&head, &peer).await;
            let request = Request::from_parts(head.into_parts().0, body);
            match passage {
                Passage::Free(pass) => Ok(pass.finish(inner.call(request).await?)),
                Passage::Refused(refusal) => Ok(refusal),
            }
        })
    }
}
