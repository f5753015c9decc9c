//! Ids: the API below `/ids`, and an address for Redis clients.

use std::sync::Arc;

use axum::response::Response;
use hyper::body::Incoming;
use ids::port::Port;
use ids::resp::IdCommands;
use ids::{IdGenerators, fast, registry};
use kit::door::Door;
use kit::http::Peer;
use kit::resp::Resp;
use kit::sql::Db;
use kit::system::{Rooms, System};

use super::{Entry, Fast, Front, OwnDoor, Violations, Wiring};

pub const ENTRY: Entry = Entry {
    name: IdGenerators::NAME,
    what: "unique ids     http: /ids at the edge; resp: ids.resp_listen (6381 in dev)",
    migrations: IdGenerators::MIGRATIONS,
    violations,
    dev_settings: &["ids.anonymous=true"],
    dev_ports: &[("ids.resp_listen", 6381)],
    at_root: None,
    wire,
};

struct OneId(fast::Fast);

impl Fast for OneId {
    fn fast(&self, request: &http::Request<Incoming>, _: &Peer) -> Option<Response> {
        self.0.answer(request)
    }
}

fn wire(wiring: &Wiring<'_>) -> Result<Front, String> {
    let section = &wiring.settings.ids;
    let generators = Arc::new(IdGenerators::new(section.clone().check()?));
    let rooms = Rooms::new(Arc::clone(&generators), Arc::clone(wiring.namespaces));
    wiring.namespaces.provide_ids(Arc::new(Port(rooms.clone())));
    let door = Door { rooms, auth: wiring.auth.clone(), hosts: Arc::clone(wiring.hosts) };
    let (router, api) = ids::http::router(door.clone()).split_for_parts();
    let doors = match section.resp_listen.as_str() {
        "" => Vec::new(),
        listen => {
            let red = wiring.metrics.red(IdGenerators::NAME, "resp");
            let resp = Resp::new(door.clone(), IdCommands, &red);
            vec![OwnDoor::resp(wiring.bind("ids resp", "ids.resp_listen", listen), resp)]
        }
    };
    Ok(Front {
        name: IdGenerators::NAME,
        system: generators,
        router,
        api,
        fast: Some(Box::new(OneId(fast::Fast::new(door, wiring.metrics)))),
        public: None,
        gate: None,
        doors,
    })
}

fn violations(db: &Db) -> Violations {
    let db = db.clone();
    Box::pin(async move { db.read(registry::violations).await })
}
