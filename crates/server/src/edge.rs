//! The one HTTP address: console at `/`, systems under their names, short links at the root.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use kit::auth::sigv4;
use kit::http::{Answered, Observer};
use kit::http::{BoxFuture, Handler, Peer, Problem};
use kit::telemetry::metrics::{Metrics, Red};
use limiter::gate::{Gate, Pass, Passage};
use shortener::public::Public;

use crate::console;
use crate::platform::Document;
use crate::systems::{Fast, Front, SYSTEMS};

/// The edge's handler; also that of a system on an address of its own.
pub struct Edge {
    fast: Vec<Box<dyn Fast>>,
    /// What every request has to pass; none where there are no limits.
    gate: Option<Gate>,
    routes: Arc<Routes>,
}

/// Where requests go that have no fast answer.
struct Routes {
    router: Router,
    public: Option<Public>,
    /// None at a system's own address.
    document: Option<Document>,
}

impl Edge {
    /// With what the systems behind `router` add to it.
    pub fn new(router: Router, fronts: Vec<Front>, document: Document) -> Self {
        let mut routes = Routes { router, public: None, document: Some(document) };
        let (mut fast, mut gate) = (Vec::new(), None);
        for front in fronts {
            fast.extend(front.fast);
            routes.public = routes.public.or(front.public);
            gate = gate.or(front.gate);
        }
        Self { fast, gate, routes: Arc::new(routes) }
    }

    /// A system's own address: no console.
    pub fn root(router: Router, fast: Box<dyn Fast>, public: Option<Public>) -> Self {
        let routes = Arc::new(Routes { router, public, document: None });
        Self { fast: vec![fast], gate: None, routes }
    }

    fn answer_fast(&self, request: &http::Request<Incoming>, peer: &Peer) -> Option<Response> {
        self.fast.iter().find_map(|door| door.fast(request, peer))
    }
}

/// First segments that are never codes; the shortener reserves them as aliases.
const OWN_PATHS: &[&str] = &[
    "openapi.json",
    "metrics",
    "healthz",
    "readyz",
    "shorturl",
    "domains",
    "blocklist",
    "import",
    "export",
    "yourls-api.php",
];

impl Handler for Edge {
    fn fast(&self, request: &mut http::Request<Incoming>, peer: &Peer) -> Option<Response> {
        let Some(gate) = &self.gate else { return self.answer_fast(request, peer) };
        match gate.pass_now(request, peer)? {
            Passage::Refused(refusal) => Some(refusal),
            Passage::Free(pass) => {
                let answer = pass.is_now().then(|| self.answer_fast(request, peer)).flatten();
                match answer {
                    Some(answer) => Some(pass.finish(answer)),
                    None => {
                        pass.keep_in(request.extensions_mut());
                        None
                    }
                }
            }
        }
    }

    fn call(&self, mut request: Request, peer: Peer) -> BoxFuture<'static, Response> {
        let Some(gate) = self.gate.clone() else { return self.routes.answer(request, peer) };
        let routes = Arc::clone(&self.routes);
        if let Some(pass) = Pass::take_from(request.extensions_mut()) {
            return Box::pin(async move {
                pass.turn().await;
                pass.finish(routes.answer(request, peer).await)
            });
        }
        Box::pin(async move {
            // The head alone is ruled on: a body cannot be shared between threads.
            let (parts, body) = request.into_parts();
            let head = http::Request::from_parts(parts, ());
            let passage = gate.pass(&head, &peer).await;
            let request = Request::from_parts(head.into_parts().0, body);
            match passage {
                Passage::Free(pass) => pass.finish(routes.answer(request, peer).await),
                Passage::Refused(refusal) => refusal,
            }
        })
    }
}

impl Routes {
    fn answer(&self, mut request: Request, peer: Peer) -> BoxFuture<'static, Response> {
        if let Some(answer) = signed_for_aws(&request) {
            return Box::pin(async move { answer });
        }
        if let Some(document) = &self.document {
            if request.uri().path() == "/openapi.json" {
                let headers = [(http::header::CONTENT_TYPE, "application/json")];
                let answer = (headers, Bytes::clone(document)).into_response();
                return Box::pin(async move { answer });
            }
            if let Some(answer) = console::answer(&request) {
                return Box::pin(async move { answer });
            }
        }
        if is_short_link(&request)
            && let Some(public) = self.public.clone()
        {
            return Box::pin(async move { public.visit(request, peer).await });
        }
        request.extensions_mut().insert(peer);
        let router = self.router.clone();
        Box::pin(async move {
            let Ok(answer) = tower::ServiceExt::oneshot(router, request).await;
            answer
        })
    }
}

/// Paths of one segment that are no page of the console are short links.
fn is_short_link(request: &Request) -> bool {
    let path = request.uri().path();
    let one_segment = path.len() > 1 && !path[1..].contains('/');
    one_segment && !OWN_PATHS.contains(&&path[1..])
}

/// A request signed for AWS is for the system that speaks as that service, whatever its path. No
/// system here does yet.
fn signed_for_aws(request: &Request) -> Option<Response> {
    let scope = match sigv4::recognise(request.headers(), request.uri().query()) {
        Ok(scope) => scope?,
        Err(error) => return Some(Problem::bad_request(error.to_string()).into_response()),
    };
    let text = format!("no system here answers for the AWS service {:?}", scope.service);
    Some(Problem::not_found(text).into_response())
}

/// Counts every request of the routers by system.
pub struct Observed {
    platform: Red,
    systems: Vec<Red>,
}

impl Observed {
    pub fn new(metrics: &Metrics) -> Self {
        let systems = SYSTEMS.iter().map(|entry| metrics.red(entry.name, "http")).collect();
        Self { platform: metrics.red("platform", "http"), systems }
    }
}

impl Observer for Observed {
    fn answered(&self, answered: &Answered<'_>) {
        let first = answered.route.trim_start_matches('/').split('/').next();
        let red = self.systems.iter().find(|red| Some(red.system()) == first);
        let red = red.unwrap_or(&self.platform);
        red.route_named(answered.route, answered.method.as_str())
            .record(answered.status.as_u16(), answered.elapsed);
    }
}
