//! The front door for Kafka clients.
//!
//! - `connection`: frames in, answers out, in order. `call`: one request and what answers it;
//!   `versions`: which requests there are. `sasl`: whose they are.
//! - A file for each kind of request: `metadata`, `produce`, `fetch`, `list_offsets`, `topics`,
//!   `configs`, `groups`, `offsets`, `producers`,
//!   `transactions`.
//! - `code`: errors as Kafka numbers them.

mod call;
mod code;
mod configs;
mod connection;
mod fetch;
mod groups;
mod list_offsets;
mod metadata;
mod offsets;
mod produce;
mod producers;
mod sasl;
mod topics;
mod transactions;
mod versions;

use std::net::SocketAddr;
use std::sync::Arc;

use kit::door::Door;
use kit::net::{Connection, Protocol};
use kit::telemetry::metrics::{Red, RouteRed};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::system::Queues;

/// The number of the one broker.
const NODE: i32 = 1;

/// Kafka's protocol on a listener's connections.
pub struct Kafka {
    door: Door<Queues>,
    site: Site,
    /// In the order of [`versions::APIS`].
    routes: Vec<RouteRed>,
}

/// Where clients are told to find the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Site {
    host: String,
    port: u16,
}

impl Kafka {
    /// Clients are told to come to `address`; calls are counted in `red`, a request's kind as a
    /// route.
    pub fn new(door: Door<Queues>, address: SocketAddr, red: &Red) -> Self {
        let routes = versions::APIS.iter().map(|api| red.route(api.name, "Kafka"));
        let site = Site { host: address.ip().to_string(), port: address.port() };
        Self { door, site, routes: routes.collect() }
    }
}

impl Protocol for Kafka {
    async fn serve<S>(self: Arc<Self>, socket: S, connection: Connection)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // Its errors are the peer's: broken off, cut, or not Kafka. Nobody is left to be told.
        if let Err(error) = connection::serve(self, socket, connection).await {
            tracing::warn!(%error, "a connection of the queue ended");
        }
    }

    /// The protocol has no word for it.
    fn refusal(&self, _: usize) -> Vec<u8> {
        Vec::new()
    }
}
