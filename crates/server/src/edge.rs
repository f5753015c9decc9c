//! The one HTTP address: console at `/`, systems under their names, short links at the root.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use kit::auth::sigv4;
use kit::http::{Answered, Observer};
use kit::http::{BoxFuture, Handler, Peer, Problem};
use kit::telemetry::metrics::{Metrics, Red};
use shortener::public::Public;

use crate::console;
use crate::systems::{Fast, Front, SYSTEMS};

/// The edge's handler; also that of a system on an address of its own.
pub struct Edge {
    router: Router,
    fast: Vec<Box<dyn Fast>>,
    public: Option<Public>,
    /// The OpenAPI document, made once; none at a system's own address.
    document: Option<Arc<str>>,
}

impl Edge {
    /// With what the systems behind `router` add to it.
    pub fn new(router: Router, fronts: Vec<Front>, document: String) -> Self {
        let mut edge = Self { router, fast: Vec::new(), public: None, document: None };
        edge.document = Some(document.into());
        for front in fronts {
            edge.fast.extend(front.fast);
            edge.public = edge.public.or(front.public);
        }
        edge
    }

    /// A system's own address: no console.
    pub fn root(router: Router, fast: Box<dyn Fast>, public: Option<Public>) -> Self {
        Self { router, fast: vec![fast], public, document: None }
    }

    /// Paths of one segment that are no page of the console are short links.
    fn is_short_link(&self, request: &Request) -> bool {
        let path = request.uri().path();
        let one_segment = path.len() > 1 && !path[1..].contains('/');
        one_segment && !OWN_PATHS.contains(&&path[1..])
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
    fn fast(&self, request: &http::Request<Incoming>, peer: &Peer) -> Option<Response> {
        self.fast.iter().find_map(|door| door.fast(request, peer))
    }

    fn call(&self, mut request: Request, peer: Peer) -> BoxFuture<'static, Response> {
        if let Some(answer) = signed_for_aws(&request) {
            return Box::pin(async move { answer });
        }
        if let Some(document) = &self.document {
            if request.uri().path() == "/openapi.json" {
                let headers = [(http::header::CONTENT_TYPE, "application/json")];
                let answer = (headers, document.to_string()).into_response();
                return Box::pin(async move { answer });
            }
            if let Some(answer) = console::answer(&request) {
                return Box::pin(async move { answer });
            }
        }
        if self.is_short_link(&request)
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
