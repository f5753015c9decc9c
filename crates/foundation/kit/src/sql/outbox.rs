//! Events leave by outbox: a fact is inserted in the transaction that makes it true, and relayed
//! afterwards, in order, at least once.

use super::{Db, SqlError, Tx};
use crate::clock::Timestamp;
use crate::machine::{self, Mistake};

/// Facts handed to the relay's destination at once.
const RELAY_BATCH: i64 = 256;

/// A fact on its way to the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Dense and growing within one database: consumers drop what they have already seen.
    pub id: i64,
    /// The queue's topic.
    pub topic: String,
    /// Events of one key stay in order.
    pub key: String,
    /// As the topic's consumers expect it.
    pub body: Vec<u8>,
    /// When the fact became true.
    pub created_at: Timestamp,
}

/// What a new event says; its id is given on insertion.
#[derive(Clone, Copy, Debug)]
pub struct NewEvent<'e> {
    /// See [`Event::topic`].
    pub topic: &'e str,
    /// See [`Event::key`].
    pub key: &'e str,
    /// See [`Event::body`].
    pub body: &'e [u8],
    /// See [`Event::created_at`].
    pub created_at: Timestamp,
}

/// Writes `event` with the rest of the transaction.
///
/// # Errors
/// See [`SqlError`].
pub fn insert(tx: &mut Tx<'_>, event: &NewEvent<'_>) -> Result<i64, SqlError> {
    let read_id = |row: &super::Row<'_>| row.get::<i64>(0);
    tx.execute("UPDATE kit_outbox_next SET id = id + 1", &[])?;
    let id = tx.find("SELECT id - 1 FROM kit_outbox_next", &[], read_id)?;
    let id = id.ok_or_else(|| SqlError::Invalid("the outbox has lost its sequence".to_owned()))?;
    tx.execute(
        "INSERT INTO kit_outbox (id, topic, message_key, body, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        &[
            id.into(),
            event.topic.into(),
            event.key.into(),
            event.body.into(),
            event.created_at.into(),
        ],
    )?;
    Ok(id)
}

/// Where a relay takes events to.
pub trait Destination: Send + Sync {
    /// Returns once every event is safe at the destination. Events may come again after a crash.
    ///
    /// # Errors
    /// Any text; the events stay in the outbox and are offered again.
    fn deliver(&self, events: Vec<Event>) -> impl Future<Output = Result<(), String>> + Send;
}

/// Relays one batch, oldest first, and removes it. Returns how many went: 0 when none waits.
///
/// # Errors
/// [`SqlError::Unavailable`] with the destination's text, or the store's own.
pub async fn relay_once(db: &Db, destination: &impl Destination) -> Result<usize, SqlError> {
    let events = db.read(oldest).await?;
    let Some(last) = events.last().map(|event| event.id) else { return Ok(0) };
    let count = events.len();
    if machine::makes(Mistake::RemoveBeforeDelivery) {
        remove_to(db, last).await?;
    }
    destination.deliver(events).await.map_err(SqlError::Unavailable)?;
    remove_to(db, last + i64::from(machine::makes(Mistake::RemoveOneMore))).await?;
    Ok(count)
}

async fn remove_to(db: &Db, last: i64) -> Result<(), SqlError> {
    db.write(move |tx| tx.execute("DELETE FROM kit_outbox WHERE id <= ?1", &[last.into()]))
        .await
        .map(drop)
}

fn oldest(tx: &mut Tx<'_>) -> Result<Vec<Event>, SqlError> {
    tx.query(
        "SELECT id, topic, message_key, body, created_at FROM kit_outbox ORDER BY id LIMIT ?1",
        &[RELAY_BATCH.into()],
        |row| {
            Ok(Event {
                id: row.get(0)?,
                topic: row.get(1)?,
                key: row.get(2)?,
                body: row.get(3)?,
                created_at: row.time(4)?,
            })
        },
    )
}
