//! Limits in front of a server: what a request's head says becomes descriptors, and the ruling on
//! them lets it pass with headers or refuses it.
//!
//! Where counts are local that takes no waiting, so a listener's fast path can ask too.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{Extensions, HeaderMap};
use http_body::{Frame, SizeHint};
use kit::door::host_of;
use kit::http::Peer;
use kit::namespace::NamespaceName;
use kit::system::Rooms;
use parking_lot::Mutex;

use crate::Limiters;
use crate::descriptors::{Recipe, Seen};
use crate::headers;
use crate::model::{Request, Ruling, Verdict};
use crate::service::Limiter;

/// Names the user that a request's credential stands for.
pub type Identify = Arc<dyn Fn(&HeaderMap) -> Option<Arc<str>> + Send + Sync>;

/// A place that requests have to pass. Cheap to clone.
#[derive(Clone)]
pub struct Gate {
    rooms: Rooms<Limiters>,
    recipe: Arc<Recipe>,
    identify: Identify,
}

/// What a gate says to a request.
#[must_use]
pub enum Passage {
    /// It may pass.
    Free(Pass),
    /// It is answered with this.
    Refused(Response),
}

/// What is to be added to the answer of a request that passed.
#[derive(Default)]
pub struct Pass(Option<Box<Passed>>);

/// A pass in a request's extensions.
#[derive(Clone)]
struct Kept(Arc<Mutex<Option<Pass>>>);

struct Passed {
    ruling: Ruling,
    held: Option<Held>,
}

/// A lease that is given back when this is dropped.
struct Held {
    limiter: Arc<Limiter>,
    request: crate::deferred::KeptRequest,
    lease: u64,
}

impl Gate {
    /// By the rules of the namespace `default`, as `recipe` says what is told of a request. None
    /// where that is nothing.
    pub fn new(rooms: Rooms<Limiters>, recipe: Recipe, identify: Identify) -> Option<Self> {
        (!recipe.is_empty()).then(|| Self { rooms, recipe: Arc::new(recipe), identify })
    }

    /// Rules on a request at once. None when that takes waiting: [`Gate::pass`] then.
    pub fn pass_now<B>(&self, request: &http::Request<B>, peer: &Peer) -> Option<Passage> {
        let limiter = self.rooms.opened(&NamespaceName::default_name())?;
        if !limiter.is_local() {
            return None;
        }
        let looked = self.look(request, peer);
        Some(looked.ask(&self.recipe, |asked| {
            let ruling = limiter.decide_here(asked).ok()?;
            Some(passage(&limiter, asked, ruling))
        }))
    }

    /// Rules on a request.
    pub async fn pass<B>(&self, request: &http::Request<B>, peer: &Peer) -> Passage {
        if let Some(passage) = self.pass_now(request, peer) {
            return passage;
        }
        let opened = self.rooms.open(&NamespaceName::default_name()).await;
        // Trouble in the limiter does not take down what is behind it.
        let Ok(limiter) = opened else { return Passage::Free(Pass::default()) };
        let looked = self.look(request, peer);
        let asked = looked.asked(&self.recipe);
        match limiter.decide(&asked).await {
            Ok(ruling) => passage(&limiter, &asked, ruling),
            Err(_) => Passage::Free(Pass::default()),
        }
    }

    fn look<'r, B>(&self, request: &'r http::Request<B>, peer: &Peer) -> Looked<'r> {
        let (headers, uri) = (request.headers(), request.uri());
        let seen = Seen {
            peer: peer.address.ip(),
            method: request.method().as_str(),
            path: uri.path(),
            host: host_of(headers, uri),
            headers,
            user: None,
        };
        let address = self.recipe.address(&seen).to_string();
        Looked { seen, address, user: (self.identify)(headers) }
    }
}

/// A request's head with what had to be made of it.
struct Looked<'r> {
    seen: Seen<'r>,
    address: String,
    user: Option<Arc<str>>,
}

impl Looked<'_> {
    fn asked<'l>(&'l self, recipe: &'l Recipe) -> Request<'l> {
        recipe.request(Seen { user: self.user.as_deref(), ..self.seen }, &self.address)
    }

    /// What `rule` says; free where there is nothing to rule on.
    fn ask(&self, recipe: &Recipe, rule: impl Fn(&Request<'_>) -> Option<Passage>) -> Passage {
        rule(&self.asked(recipe)).unwrap_or_else(|| Passage::Free(Pass::default()))
    }
}

fn passage(limiter: &Arc<Limiter>, asked: &Request<'_>, ruling: Ruling) -> Passage {
    if ruling.verdict != Verdict::Ok {
        return Passage::Refused(headers::refusal(&ruling));
    }
    if ruling.tightest().is_none() {
        return Passage::Free(Pass::default());
    }
    let held = ruling.lease.map(|lease| Held {
        limiter: Arc::clone(limiter),
        request: crate::deferred::KeptRequest::of(&without_hits(asked)),
        lease,
    });
    Passage::Free(Pass(Some(Box::new(Passed { ruling, held }))))
}

/// Giving it back frees the lease and nothing that was counted.
fn without_hits<'r>(asked: &Request<'r>) -> Request<'r> {
    let mut request = asked.clone();
    request.hits = 0;
    request.descriptors.iter_mut().for_each(|descriptor| descriptor.hits = Some(0));
    request
}

impl Pass {
    /// Goes along with a request that is not answered yet, so that it is ruled on only once.
    pub fn keep_in(self, extensions: &mut Extensions) {
        extensions.insert(Kept(Arc::new(Mutex::new(Some(self)))));
    }

    /// The pass that a request has already.
    pub fn take_from(extensions: &mut Extensions) -> Option<Self> {
        extensions.remove::<Kept>()?.0.lock().take()
    }

    /// Tells the caller of the limits, and holds the lease, if there is one, until the answer has
    /// been sent.
    pub fn finish(self, mut response: Response) -> Response {
        let Some(passed) = self.0 else { return response };
        headers::add(response.headers_mut(), &passed.ruling);
        match passed.held {
            None => response,
            Some(held) => response.map(|body| Body::new(Holding { body, _held: held })),
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let (limiter, lease) = (Arc::clone(&self.limiter), self.lease);
        if limiter.is_local() {
            limiter.release_here(&self.request.request(), lease);
            return;
        }
        let request = self.request.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            // A lease that is not given back ends by itself.
            runtime.spawn(async move { limiter.give_back(&request.request(), lease).await });
        }
    }
}

/// A body that holds a lease until it is over or dropped.
struct Holding {
    body: Body,
    _held: Held,
}

impl http_body::Body for Holding {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
