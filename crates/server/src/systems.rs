//! Every system of this binary, a line each, and what the house does with all of them alike.

mod ids;
mod limiter;
mod queue;
mod shortener;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use hyper::body::Incoming;
use kit::auth::Auth;
use kit::door::Hosts;
use kit::http::{LayerSettings, Peer};
use kit::namespace::Namespaces;
use kit::net::{Bind, Bound, Drain, Tls};
use kit::resp::{Commands, Resp};
use kit::sql::{Db, Migration, SqlError};
use kit::system::AnySystem;
use kit::telemetry::metrics::Metrics;
use utoipa::openapi::OpenApi;

use crate::settings::Settings;

/// The systems, in the order in which they are started and listed.
pub const SYSTEMS: &[Entry] = &[shortener::ENTRY, ids::ENTRY, limiter::ENTRY, queue::ENTRY];

/// A system of this binary.
pub struct Entry {
    pub name: &'static str,
    /// What it is and where it answers, for `backplane systems`.
    pub what: &'static str,
    pub migrations: &'static [Migration],
    /// Whatever breaks an invariant of its rows, as text.
    pub violations: fn(&Db) -> Violations,
    /// What `dev` sets beside the defaults.
    pub dev_settings: &'static [&'static str],
    /// The settings of addresses that `dev` opens, with their ports; any free one under
    /// `--ports auto`.
    pub dev_ports: &'static [(&'static str, u16)],
    /// What answers at the root of the edge too: its key in the ready file, and how a path looks.
    pub at_root: Option<(&'static str, &'static str)>,
    wire: fn(&Wiring<'_>) -> Result<Front, String>,
}

/// What [`Entry::violations`] makes.
pub type Violations = kit::http::BoxFuture<'static, Result<Vec<String>, SqlError>>;

/// What systems are wired with.
pub struct Wiring<'w> {
    pub settings: &'w Settings,
    pub namespaces: &'w Arc<Namespaces>,
    pub auth: &'w Auth,
    pub hosts: &'w Arc<Hosts>,
    pub metrics: &'w Metrics,
    pub layering: &'w LayerSettings,
}

/// A system at work: what it adds to the house.
pub struct Front {
    pub name: &'static str,
    pub system: Arc<dyn AnySystem>,
    /// Answers below `/NAME` at the edge.
    pub router: Router,
    pub api: OpenApi,
    /// Answers anywhere at the edge, before everything else.
    pub fast: Option<Box<dyn Fast>>,
    /// Short links, which are at the root of the edge.
    pub public: Option<::shortener::public::Public>,
    /// What every request at the edge has to pass.
    pub gate: Option<::limiter::gate::Gate>,
    /// Addresses of its own.
    pub doors: Vec<OwnDoor>,
}

/// Answers in the connection's own task, from memory, or not at all.
pub trait Fast: Send + Sync {
    fn fast(&self, request: &http::Request<Incoming>, peer: &Peer) -> Option<Response>;
}

/// A listener of a system's own.
pub struct OwnDoor {
    /// As in the ready file, such as `resp`.
    pub key: &'static str,
    pub bind: Bind,
    /// Whether it is shown as a URL or as host and port.
    pub is_http: bool,
    pub serve: Box<dyn FnOnce(Bound, Option<Tls>, Drain) + Send>,
}

/// Redis clients keep connections in pools, and expect them to be there after an hour.
const RESP_IDLE_MS: u64 = 3_600_000;

impl OwnDoor {
    /// For Redis clients.
    fn resp<C: Commands>(bind: Bind, resp: Resp<C>) -> Self {
        Self {
            key: "resp",
            bind: Bind { idle_timeout_ms: RESP_IDLE_MS, ..bind },
            is_http: false,
            serve: Box::new(|bound, tls, drain| drop(bound.serve(resp, tls, drain))),
        }
    }
}

/// Where a system answers.
#[derive(Clone, Debug)]
pub struct DoorAddress {
    pub system: &'static str,
    pub key: &'static str,
    pub is_http: bool,
    pub address: SocketAddr,
}

/// Wires the systems that are switched on.
///
/// # Errors
/// One line that names the setting.
pub fn wire(wiring: &Wiring<'_>) -> Result<Vec<Front>, String> {
    let wanted = |entry: &&Entry| wiring.settings.is_on(entry.name);
    SYSTEMS.iter().filter(wanted).map(|entry| (entry.wire)(wiring)).collect()
}

/// The entry called `name`.
pub fn named(name: &str) -> Option<&'static Entry> {
    SYSTEMS.iter().find(|entry| entry.name == name)
}

/// The names, for messages.
pub fn names() -> String {
    SYSTEMS.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ")
}

impl Wiring<'_> {
    /// The limits of a listener are those of the edge.
    fn bind(&self, door: &'static str, setting: &'static str, address: &str) -> Bind {
        self.settings.edge.bind(door, setting, address)
    }
}
