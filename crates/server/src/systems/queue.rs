//! The message queue: an address for Kafka clients.

use std::sync::Arc;

use axum::Router;
use kit::door::Door;
use kit::net::Bind;
use kit::sql::Db;
use kit::system::{Rooms, System};
use queue::kafka::Kafka;
use queue::system::Queues;

use super::{Entry, Front, OwnDoor, Violations, Wiring};

pub const ENTRY: Entry = Entry {
    name: Queues::NAME,
    what: "message queue  kafka: queue.kafka_listen (9092 in dev)",
    migrations: Queues::MIGRATIONS,
    violations,
    dev_settings: &["queue.anonymous=true", "queue.group_initial_delay_ms=0"],
    dev_ports: &[("queue.kafka_listen", 9092)],
    at_root: None,
    wire,
};

/// Kafka clients keep connections for as long as they live, and close those that they use no more
/// after nine minutes.
const KAFKA_IDLE_MS: u64 = 600_000;

fn wire(wiring: &Wiring<'_>) -> Result<Front, String> {
    let section = &wiring.settings.queue;
    let queues = Arc::new(Queues::new(section.check()?));
    let rooms = Rooms::new(Arc::clone(&queues), Arc::clone(wiring.namespaces));
    let door = Door { rooms, auth: wiring.auth.clone(), hosts: Arc::clone(wiring.hosts) };
    let mut doors = Vec::new();
    if !section.kafka_listen.is_empty() {
        let red = wiring.metrics.red(Queues::NAME, "kafka");
        let bind = wiring.bind("queue kafka", "queue.kafka_listen", &section.kafka_listen);
        doors.push(OwnDoor {
            key: "kafka",
            bind: Bind { idle_timeout_ms: KAFKA_IDLE_MS, ..bind },
            is_http: false,
            serve: Box::new(move |bound, tls, drain| {
                let kafka = Kafka::new(door, bound.address(), &red);
                drop(bound.serve(kafka, tls, drain));
            }),
        });
    }
    Ok(Front {
        name: Queues::NAME,
        system: queues,
        router: Router::new(),
        api: utoipa::openapi::OpenApi::default(),
        fast: None,
        public: None,
        gate: None,
        doors,
    })
}

/// Its state is in a journal, which is checked as it is read.
fn violations(_: &Db) -> Violations {
    Box::pin(async { Ok(Vec::new()) })
}
