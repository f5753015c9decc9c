//! Short links: the API below `/shortener`, redirects at the root.

use std::sync::Arc;

use axum::response::Response;
use hyper::body::Incoming;
use kit::door::Door;
use kit::http::{Http, Peer, layers};
use kit::sql::{Db, SqlError};
use kit::system::{Rooms, System};
use shortener::Shorteners;
use shortener::public::Public;

use super::{Entry, Fast, Front, OwnDoor, Violations, Wiring};
use crate::edge::Edge;

pub const ENTRY: Entry = Entry {
    name: Shorteners::NAME,
    what: "short links    http: /shortener at the edge, redirects at its root",
    migrations: Shorteners::MIGRATIONS,
    violations,
    dev_settings: &["shortener.anonymous_create=true", "shortener.anonymous_creates_per_minute=0"],
    dev_ports: &[],
    at_root: Some(("redirects", "/{code}")),
    wire,
};

struct Redirects(Public);

impl Fast for Redirects {
    fn fast(&self, request: &http::Request<Incoming>, peer: &Peer) -> Option<Response> {
        self.0.fast(request, peer)
    }
}

fn wire(wiring: &Wiring<'_>) -> Result<Front, String> {
    let section = &wiring.settings.shortener;
    let shorteners = Arc::new(Shorteners::new(section.clone().check()?));
    let rooms = Rooms::new(Arc::clone(&shorteners), Arc::clone(wiring.namespaces));
    let public = Public::new(rooms.clone(), Arc::clone(wiring.hosts), wiring.metrics);
    let hosts = Arc::clone(wiring.hosts);
    let door = Door { rooms, auth: wiring.auth.clone(), hosts };
    let (router, api) = shortener::http::router(door.clone()).split_for_parts();
    let router = router.merge(shortener::http::compatible(door));
    let doors = match section.listen.as_str() {
        "" => Vec::new(),
        listen => {
            let fast = Box::new(Redirects(public.clone()));
            let routes = layers(router.clone(), wiring.layering);
            let own = Edge::root(routes, fast, Some(public.clone()));
            vec![OwnDoor {
                key: "http",
                bind: wiring.bind("shortener", "shortener.listen", listen),
                is_http: true,
                serve: Box::new(|bound, tls, drain| drop(bound.serve(Http::new(own), tls, drain))),
            }]
        }
    };
    Ok(Front {
        name: Shorteners::NAME,
        system: shorteners,
        router,
        api,
        fast: Some(Box::new(Redirects(public.clone()))),
        public: Some(public),
        gate: None,
        doors,
    })
}

fn violations(db: &Db) -> Violations {
    let db = db.clone();
    Box::pin(async move {
        let found = shortener::invariants::check(&db).await?;
        Ok::<_, SqlError>(found.iter().map(ToString::to_string).collect())
    })
}
