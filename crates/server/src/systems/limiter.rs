//! Rate limits: the API below `/limiter`, addresses for Envoy and for Redis clients, and the gate
//! at the edge's own door.

use std::sync::Arc;

use kit::auth::Auth;
use kit::door::Door;
use kit::http::Http;
use kit::resp::Resp;
use kit::sql::Db;
use kit::system::{Rooms, System};
use limiter::gate::Gate;
use limiter::grpc::Grpc;
use limiter::resp::LimitCommands;
use limiter::{Limiters, deferred};

use super::{Entry, Front, OwnDoor, Violations, Wiring};

pub const ENTRY: Entry = Entry {
    name: Limiters::NAME,
    what: "rate limits    http: /limiter at the edge; grpc: limiter.grpc_listen (8081 in dev); \
           resp: limiter.resp_listen (6380 in dev)",
    migrations: Limiters::MIGRATIONS,
    violations,
    dev_settings: &["limiter.anonymous=true"],
    dev_ports: &[("limiter.grpc_listen", 8081), ("limiter.resp_listen", 6380)],
    at_root: None,
    wire,
};

fn wire(wiring: &Wiring<'_>) -> Result<Front, String> {
    let section = &wiring.settings.limiter;
    let settings = section.clone().check()?;
    let limiters = Arc::new(Limiters::new(settings.clone()));
    let rooms = Rooms::new(Arc::clone(&limiters), Arc::clone(wiring.namespaces));
    let gate = Gate::new(rooms.clone(), settings.edge, identify(wiring.auth.clone()));
    let door = Door { rooms, auth: wiring.auth.clone(), hosts: Arc::clone(wiring.hosts) };
    let (router, api) = limiter::http::router(door.clone()).split_for_parts();
    let mut doors = Vec::new();
    if !section.grpc_listen.is_empty() {
        let grpc = Grpc::new(door.clone(), wiring.metrics);
        doors.push(OwnDoor {
            key: "grpc",
            bind: wiring.bind("limiter grpc", "limiter.grpc_listen", &section.grpc_listen),
            is_http: false,
            serve: Box::new(|bound, tls, drain| drop(bound.serve(Http::new(grpc), tls, drain))),
        });
    }
    if !section.resp_listen.is_empty() {
        let red = wiring.metrics.red(Limiters::NAME, "resp");
        let resp = Resp::new(door, LimitCommands, &red);
        let bind = wiring.bind("limiter resp", "limiter.resp_listen", &section.resp_listen);
        doors.push(OwnDoor::resp(bind, resp));
    }
    Ok(Front {
        name: Limiters::NAME,
        system: limiters,
        router,
        api,
        fast: None,
        public: None,
        gate,
        doors,
    })
}

/// Who a request's credential stands for, if it is one that was used before.
fn identify(auth: Auth) -> limiter::gate::Identify {
    Arc::new(move |headers| {
        // Most visitors have none, and asking writes what all threads write.
        let principal = Auth::has_credential(headers).then(|| auth.known(headers)).flatten()?;
        (principal.kind != kit::auth::Kind::Anonymous).then(|| principal.id.as_str().into())
    })
}

fn violations(db: &Db) -> Violations {
    let db = db.clone();
    Box::pin(async move { db.read(deferred::violations).await })
}
