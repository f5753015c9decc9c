//! Queue mode: requests over a limit are kept, in the order they came, and handed out when their
//! rule admits them.
//!
//! A row is in the store before its sender is told that it is kept, and goes when whoever took it
//! says that it is done; until then it is handed out again after [`TAKEN_FOR`]. So nothing is lost
//! over a restart of anybody, and a request may be processed twice when its taker crashes.

use std::time::Duration;

use kit::clock::Timestamp;
use kit::sql::{Db, SqlError, Tx};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::model::{Descriptor, Override, Request};
use crate::rules::Unit;

/// How long whoever took a request has to process it.
pub const TAKEN_FOR: Duration = Duration::from_secs(30);
/// Bytes of what is kept with a request.
pub const PAYLOAD_BYTES_MAX: usize = 256 * 1024;

/// The requests that wait, of one namespace.
pub struct Deferred {
    sql: Db,
    most: u32,
}

/// One that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// In the order of arrival.
    pub id: i64,
    /// The rule that kept it.
    pub place: String,
    /// To be ruled on again.
    pub request: KeptRequest,
    /// What is to be processed.
    pub payload: Vec<u8>,
    /// When it came.
    pub deferred_at: Timestamp,
}

/// A request as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptRequest {
    domain: String,
    descriptors: Vec<KeptDescriptor>,
    hits: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct KeptDescriptor {
    entries: Vec<(String, String)>,
    hits: Option<u32>,
    /// Requests, and the unit's word.
    limit: Option<(u32, String)>,
}

/// Why a request was not kept, or not found.
#[derive(Debug, Error)]
pub enum DeferError {
    /// There are as many as the setting allows.
    #[error("{0} requests wait already; no more are kept")]
    Full(u32),
    /// More than [`PAYLOAD_BYTES_MAX`].
    #[error("the payload has {0} bytes; at most {PAYLOAD_BYTES_MAX} are kept")]
    TooLong(usize),
    /// The store's own reason.
    #[error(transparent)]
    Store(#[from] SqlError),
}

impl Deferred {
    /// The rows of `sql`, at most `most` of them.
    pub fn new(sql: Db, most: u32) -> Self {
        Self { sql, most }
    }

    /// Keeps a request that the rule at `place` denied; gives its id.
    ///
    /// # Errors
    /// [`DeferError`].
    pub async fn keep(
        &self,
        place: &str,
        request: &Request<'_>,
        payload: Vec<u8>,
        now: Timestamp,
    ) -> Result<i64, DeferError> {
        if payload.len() > PAYLOAD_BYTES_MAX {
            return Err(DeferError::TooLong(payload.len()));
        }
        let request = serde_json::to_string(&KeptRequest::of(request)).unwrap_or_default();
        let (place, most) = (place.to_owned(), self.most);
        self.sql
            .write(move |tx| {
                let count = "SELECT COUNT(*) FROM deferred";
                let waiting: Option<i64> = tx.find(count, &[], |row| row.get(0))?;
                if waiting.unwrap_or(0) >= most.into() {
                    return Err(DeferError::Full(most));
                }
                tx.execute("UPDATE deferred_next SET id = id + 1 WHERE one = 1", &[])?;
                let next = "SELECT id - 1 FROM deferred_next WHERE one = 1";
                let id: Option<i64> = tx.find(next, &[], |row| row.get(0))?;
                let id = id.unwrap_or_default();
                let insert = "INSERT INTO deferred (id, place, request, payload, deferred_at, \
                              taken_until) VALUES (?1, ?2, ?3, ?4, ?5, 0)";
                let (place, request) = ((&place).into(), (&request).into());
                let row = [id.into(), place, request, (&payload).into(), now.into()];
                tx.execute(insert, &row)?;
                Ok(id)
            })
            .await
    }

    /// The first that nobody has taken, at most `count`, of one rule or of all.
    ///
    /// # Errors
    /// The store's own.
    pub async fn first(
        &self,
        place: Option<&str>,
        now: Timestamp,
        count: u32,
    ) -> Result<Vec<Waiting>, SqlError> {
        let place = place.map(str::to_owned);
        let read = move |tx: &mut Tx<'_>| {
            let count = i64::from(count);
            match &place {
                Some(place) => tx.query(
                    "SELECT id, place, request, payload, deferred_at FROM deferred \
                     WHERE place = ?1 AND taken_until <= ?2 ORDER BY id LIMIT ?3",
                    &[place.into(), now.into(), count.into()],
                    waiting,
                ),
                None => tx.query(
                    "SELECT id, place, request, payload, deferred_at FROM deferred \
                     WHERE taken_until <= ?1 ORDER BY id LIMIT ?2",
                    &[now.into(), count.into()],
                    waiting,
                ),
            }
        };
        self.sql.read(read).await
    }

    /// Takes one, for [`TAKEN_FOR`]; whether nobody else did.
    ///
    /// # Errors
    /// The store's own.
    pub async fn take(&self, id: i64, now: Timestamp) -> Result<bool, SqlError> {
        let until = now.plus(TAKEN_FOR);
        let take = "UPDATE deferred SET taken_until = ?1 WHERE id = ?2 AND taken_until <= ?3";
        self.sql
            .write(move |tx| Ok(tx.execute(take, &[until.into(), id.into(), now.into()])? == 1))
            .await
    }

    /// Forgets one that is done; whether it was there.
    ///
    /// # Errors
    /// The store's own.
    pub async fn done(&self, id: i64) -> Result<bool, SqlError> {
        let forget = "DELETE FROM deferred WHERE id = ?1";
        self.sql.write(move |tx| Ok(tx.execute(forget, &[id.into()])? == 1)).await
    }

    /// How many wait, by rule.
    ///
    /// # Errors
    /// The store's own.
    pub async fn counts(&self) -> Result<Vec<(String, i64)>, SqlError> {
        let count = "SELECT place, COUNT(*) FROM deferred GROUP BY place ORDER BY place";
        self.sql.read(move |tx| tx.query(count, &[], |row| Ok((row.get(0)?, row.get(1)?)))).await
    }
}

/// What breaks an invariant of the rows: a request that cannot be read, or a number not given yet.
///
/// # Errors
/// The store's own.
pub fn violations(tx: &mut Tx<'_>) -> Result<Vec<String>, SqlError> {
    let mut found = Vec::new();
    let next: Option<i64> = tx.find("SELECT id FROM deferred_next", &[], |row| row.get(0))?;
    let rows = tx.query("SELECT id, request FROM deferred", &[], |row| {
        Ok((row.get::<i64>(0)?, row.get::<String>(1)?))
    })?;
    for (id, request) in rows {
        if serde_json::from_str::<KeptRequest>(&request).is_err() {
            found.push(format!("the deferred request {id} cannot be read"));
        }
        if next.is_none_or(|next| id >= next) {
            found.push(format!("the deferred request {id} has a number that was not given yet"));
        }
    }
    Ok(found)
}

fn waiting(row: &kit::sql::Row<'_>) -> Result<Waiting, SqlError> {
    let request: String = row.get(2)?;
    let request = serde_json::from_str(&request)
        .map_err(|error| SqlError::Invalid(format!("a deferred request: {error}")))?;
    let (id, place) = (row.get(0)?, row.get(1)?);
    Ok(Waiting { id, place, request, payload: row.get(3)?, deferred_at: row.time(4)? })
}

impl KeptRequest {
    pub(crate) fn of(request: &Request<'_>) -> Self {
        let descriptor = |descriptor: &Descriptor<'_>| KeptDescriptor {
            entries: descriptor
                .entries
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            hits: descriptor.hits,
            limit: descriptor.limit.map(|limit| (limit.requests, limit.unit.word().to_owned())),
        };
        Self {
            domain: request.domain.to_owned(),
            descriptors: request.descriptors.iter().map(descriptor).collect(),
            hits: request.hits,
        }
    }

    /// As it came.
    pub fn request(&self) -> Request<'_> {
        let descriptors = self.descriptors.iter().map(KeptDescriptor::descriptor).collect();
        Request { domain: &self.domain, descriptors, hits: self.hits }
    }
}

impl KeptDescriptor {
    fn descriptor(&self) -> Descriptor<'_> {
        let limit = self.limit.as_ref().and_then(|(requests, word)| {
            let unit = Unit::WORDS.iter().find(|(other, _)| other == word)?.1;
            Some(Override { requests: *requests, unit })
        });
        let entries =
            self.entries.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        Descriptor { entries, limit, hits: self.hits }
    }
}
