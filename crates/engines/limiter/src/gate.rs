//! Limits in front of a server: what a request's head says becomes descriptors, and the ruling on
//! them lets it pass with headers or refuses it.
//!
//! Where counts are local that takes no waiting, so a listener's fast path can ask too. What a
//! leaking bucket admits waits here for its turn, unless that is too long.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{Extensions, HeaderMap};
use http_body::{Frame, SizeHint};
use kit::clock::{Clock, Timestamp};
use kit::door::host_of;
use kit::http::Peer;
use kit::namespace::NamespaceName;
use kit::system::Rooms;
use parking_lot::Mutex;

use crate::Limiters;
use crate::address_text::AddressText;
use crate::admission::Admission;
use crate::deferred::KeptRequest;
use crate::descriptors::{Head, Recipe, Seen};
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
    manners: Manners,
    namespace: NamespaceName,
}

/// How a gate behaves to those it lets pass.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// Whether they are told of limits in the draft's two header fields too. Whoever is refused
    /// always is.
    pub draft_headers: bool,
    /// The longest that one waits for its turn; whoever would wait longer is refused.
    pub wait_max: Duration,
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
pub struct Pass(Option<Passed>);

/// A pass in a request's extensions.
#[derive(Clone)]
struct Kept(Arc<Mutex<Option<Pass>>>);

struct Passed {
    told: Told,
    held: Option<Box<Held>>,
    turn: Option<Box<Turn>>,
}

/// What the answer says of the limits.
enum Told {
    /// Numbers alone.
    Admission(Admission),
    /// Numbers of every rule, with the draft's fields or without.
    Ruling(Ruling, bool),
}

/// When a request leaves its queue.
struct Turn {
    clock: Clock,
    at: Timestamp,
}

/// A lease that is given back when this is dropped.
struct Held {
    limiter: Arc<Limiter>,
    request: KeptRequest,
    lease: u64,
}

impl Gate {
    /// By the rules of the namespace `default`, as `recipe` says what is told of a request. None
    /// where that is nothing.
    pub fn new(rooms: Rooms<Limiters>, recipe: Recipe, identify: Identify) -> Option<Self> {
        let manners = rooms.system().settings().manners;
        let (recipe, namespace) = (Arc::new(recipe), NamespaceName::default_name());
        (!recipe.is_empty()).then(|| Self { rooms, recipe, identify, manners, namespace })
    }

    /// Rules on a request at once. None when that takes waiting: [`Gate::pass`] then. A pass may
    /// have to wait for its turn yet: [`Pass::is_now`].
    pub fn pass_now<B>(&self, request: &http::Request<B>, peer: &Peer) -> Option<Passage> {
        let looked = self.look(request, peer);
        let head = looked.head(&self.recipe);
        if !self.manners.draft_headers
            && let Some(pass) = self.admit(&head)
        {
            return Some(Passage::Free(pass));
        }
        let limiter = self.rooms.opened(&self.namespace)?;
        let ruling = limiter.is_local().then(|| limiter.decide_head(&head))?;
        Some(self.passage(&limiter, &head, ruling))
    }

    /// Rules on a request, and waits for its turn.
    pub async fn pass<B>(&self, request: &http::Request<B>, peer: &Peer) -> Passage {
        let passage = match self.pass_now(request, peer) {
            Some(passage) => passage,
            None => self.pass_shared(request, peer).await,
        };
        if let Passage::Free(pass) = &passage {
            pass.turn().await;
        }
        passage
    }

    /// The short way: one that is admitted at once, and told only numbers.
    fn admit(&self, head: &Head<'_>) -> Option<Pass> {
        let wait_max = self.manners.wait_max;
        self.rooms.with_opened(&self.namespace, |limiter| {
            let admission = limiter.is_local().then(|| limiter.admit(head, wait_max)).flatten()?;
            let turn = turn(limiter, Duration::from_micros(admission.delay_us));
            Some(Pass(Some(Passed { told: Told::Admission(admission), held: None, turn })))
        })
    }

    async fn pass_shared<B>(&self, request: &http::Request<B>, peer: &Peer) -> Passage {
        let opened = self.rooms.open(&self.namespace).await;
        // Trouble in the limiter does not take down what is behind it.
        let Ok(limiter) = opened else { return Passage::Free(Pass::default()) };
        let looked = self.look(request, peer);
        let head = looked.head(&self.recipe);
        match limiter.decide(&head.request()).await {
            Ok(ruling) => self.passage(&limiter, &head, ruling),
            Err(_) => Passage::Free(Pass::default()),
        }
    }

    fn passage(&self, limiter: &Arc<Limiter>, head: &Head<'_>, ruling: Ruling) -> Passage {
        if ruling.verdict != Verdict::Ok {
            return Passage::Refused(headers::refusal(&ruling));
        }
        let delay = Duration::from_micros(ruling.delay_us());
        let given_back = |hits| {
            let (limiter, lease) = (Arc::clone(limiter), ruling.lease.unwrap_or(0));
            Held { limiter, request: KeptRequest::of(&with_hits(head.request(), hits)), lease }
        };
        if delay > self.manners.wait_max {
            // Its place in the queue is for somebody else.
            drop(given_back(1));
            return Passage::Refused(headers::too_long(&ruling, delay - self.manners.wait_max));
        }
        if ruling.tightest().is_none() {
            return Passage::Free(Pass::default());
        }
        // Giving it back frees the lease and nothing that was counted.
        let held = ruling.lease.map(|_| Box::new(given_back(0)));
        let has_draft = self.manners.draft_headers;
        let told = Told::Ruling(ruling, has_draft);
        Passage::Free(Pass(Some(Passed { told, held, turn: turn(limiter, delay) })))
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
        let user = self.recipe.asks_for_user().then(|| (self.identify)(headers)).flatten();
        let address = AddressText::of(self.recipe.address(&seen));
        Looked { seen, address, user }
    }
}

/// A request's head with what had to be made of it.
struct Looked<'r> {
    seen: Seen<'r>,
    address: AddressText,
    user: Option<Arc<str>>,
}

impl Looked<'_> {
    fn head<'l>(&'l self, recipe: &'l Recipe) -> Head<'l> {
        let seen = Seen { user: self.user.as_deref(), ..self.seen };
        Head { recipe, seen, address: &self.address }
    }
}

fn turn(limiter: &Limiter, delay: Duration) -> Option<Box<Turn>> {
    (!delay.is_zero()).then(|| {
        let clock = limiter.clock.clone();
        Box::new(Turn { at: clock.now().plus(delay), clock })
    })
}

fn with_hits(mut request: Request<'_>, hits: u32) -> Request<'_> {
    request.hits = hits;
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

    /// Whether the request may be answered already.
    pub fn is_now(&self) -> bool {
        self.0.as_ref().is_none_or(|passed| passed.turn.is_none())
    }

    /// Waits for the request's turn.
    pub async fn turn(&self) {
        if let Some(turn) = self.0.as_ref().and_then(|passed| passed.turn.as_ref()) {
            turn.clock.sleep_until(turn.at).await;
        }
    }

    /// Tells the caller of the limits, and holds the lease, if there is one, until the answer has
    /// been sent.
    pub fn finish(self, mut response: Response) -> Response {
        let Some(passed) = self.0 else { return response };
        let headers = response.headers_mut();
        match &passed.told {
            Told::Admission(admission) => headers::add_admission(headers, admission),
            Told::Ruling(ruling, has_draft) => headers::add_some(headers, ruling, *has_draft),
        }
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
    _held: Box<Held>,
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
