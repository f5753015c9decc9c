//! Wakes those who wait for news of a database, in every process that has it open.
//!
//! A poll finds out in the end; a bell makes it soon. On PostgreSQL it is a notification on one
//! channel that names the schema (postgresql.org/docs/current/sql-notify.html), heard by one
//! session a process and server, whatever the number of schemas.
//!
//! A ring can be lost, with the session that would have heard it: it must never be the only way to
//! find out. On the embedded store there is nobody else, and so no bell.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use postgres::fallible_iterator::FallibleIterator;
use tokio::sync::Notify;

use super::server::Server;
use super::{SqlError, Tx};

/// How often the listening thread looks whether anybody still listens.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long it leaves a server alone that it has lost.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The listeners of this process, one a server.
static LISTENERS: Mutex<Vec<(String, Weak<Listener>)>> = Mutex::new(Vec::new());

/// One place to wait; each has rings of its own.
pub struct Bell {
    rung: Arc<Notify>,
    _listener: Arc<Listener>,
}

impl Bell {
    pub(super) fn of(server: &Arc<Server>, schema: &str) -> Self {
        let listener = listener_of(server);
        let rung = Arc::new(Notify::new());
        listener.add(schema, &rung);
        Self { rung, _listener: listener }
    }

    /// Returns when it is rung, or at once when it was since the last time.
    pub async fn rung(&self) {
        self.rung.notified().await;
    }
}

/// Rings for everybody who has this database open, this process too, once the transaction has
/// committed.
///
/// # Errors
/// See [`SqlError`].
pub fn ring(tx: &mut Tx<'_>) -> Result<(), SqlError> {
    if tx.is_embedded() {
        return Ok(());
    }
    tx.query("SELECT pg_notify('backplane', current_schema())", &[], |_| Ok(())).map(drop)
}

/// Who waits for which schema.
#[derive(Default)]
struct Listener(Mutex<HashMap<String, Vec<Weak<Notify>>>>);

impl Listener {
    fn add(&self, schema: &str, rung: &Arc<Notify>) {
        let mut waiting = self.0.lock();
        let places = waiting.entry(schema.to_owned()).or_default();
        places.retain(|place| place.strong_count() > 0);
        places.push(Arc::downgrade(rung));
    }

    fn wake(&self, schema: &str) {
        let waiting = self.0.lock();
        let places = waiting.get(schema).into_iter().flatten();
        places.filter_map(Weak::upgrade).for_each(|place| place.notify_one());
    }

    /// For what was rung while nobody heard.
    fn wake_all(&self) {
        let mut waiting = self.0.lock();
        waiting.retain(|_, places| places.iter().any(|place| place.strong_count() > 0));
        let places = waiting.values().flatten();
        places.filter_map(Weak::upgrade).for_each(|place| place.notify_one());
    }
}

fn listener_of(server: &Arc<Server>) -> Arc<Listener> {
    let mut listeners = LISTENERS.lock();
    listeners.retain(|(_, listener)| listener.strong_count() > 0);
    let known = listeners.iter().find(|(url, _)| url == server.url());
    if let Some(listener) = known.and_then(|(_, listener)| listener.upgrade()) {
        return listener;
    }
    let listener = Arc::new(Listener::default());
    let (server, heard) = (Arc::clone(server), Arc::downgrade(&listener));
    listeners.push((server.url().to_owned(), Weak::clone(&heard)));
    std::thread::spawn(move || {
        while heard.strong_count() > 0 {
            if let Err(error) = listen(&server, &heard) {
                tracing::debug!(%error, "changes by other processes are only polled for now");
                std::thread::sleep(RETRY_AFTER);
            }
        }
    });
    listener
}

/// Hears until nobody wants to know any more, or the session ends.
fn listen(server: &Server, heard: &Weak<Listener>) -> Result<(), SqlError> {
    let refused = |error: postgres::Error| SqlError::from_postgres(&error);
    let mut client = server.connect()?;
    client.batch_execute("LISTEN backplane").map_err(refused)?;
    if let Some(listener) = heard.upgrade() {
        listener.wake_all();
    }
    while !client.is_closed() {
        let mut rings = client.notifications();
        let mut rings = rings.timeout_iter(LOOK_EVERY);
        while let Some(ring) = rings.next().map_err(refused)? {
            let Some(listener) = heard.upgrade() else { return Ok(()) };
            listener.wake(ring.payload());
        }
        if heard.strong_count() == 0 {
            return Ok(());
        }
    }
    Err(SqlError::Unavailable("the listening session has ended".to_owned()))
}
