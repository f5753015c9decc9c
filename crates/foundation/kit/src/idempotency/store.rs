//! The rows of `kit_idempotency`. A row is a claim (status 0) until it is an answer.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{Fingerprint, Key};
use crate::auth::Principal;
use crate::clock::Timestamp;
use crate::sql::{Db, Row, SqlError, Tx};

/// How long an answer is repeated.
pub const KEPT_FOR: Duration = Duration::from_secs(24 * 3_600);
/// How long a claim holds: longer than any request may take.
const CLAIMED_FOR: Duration = Duration::from_secs(60);
/// Rows that one transaction sweeps, so that no write waits long behind it.
const SWEEP_BATCH: i64 = 1_000;
const UNDER_WAY: i64 = 0;

/// How a request with a key stands.
#[derive(Clone, Debug)]
pub enum Begin {
    /// It is the first: carry it out, then [`finish`] or [`abandon`].
    First(Claim),
    /// It was carried out; this is the answer.
    Replay(StoredAnswer),
    /// The first is still under way.
    InProgress,
    /// The key was used for another request.
    Mismatch,
}

/// The right to carry out the first request of a key. It lapses after 60 seconds, and then neither
/// finishes nor frees what a later claim holds.
#[derive(Clone, Debug)]
pub struct Claim {
    principal: String,
    key: Key,
    begun_at: Timestamp,
}

/// An answer as it is repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    /// Its status, not 0.
    pub status: StatusCode,
    /// Those of its headers that belong to the answer rather than to one transmission.
    pub headers: HeaderMap,
    /// At most [`super::BODY_BYTES_MAX`] bytes.
    pub body: Bytes,
}

struct Stored {
    fingerprint: Vec<u8>,
    status: i64,
    headers: String,
    body: Vec<u8>,
    created_at: Timestamp,
}

/// Claims the key of `principal` for the request of this fingerprint, or tells how it stands.
///
/// # Errors
/// See [`SqlError`].
pub async fn begin(
    db: &Db,
    principal: &Principal,
    key: &Key,
    fingerprint: Fingerprint,
    now: Timestamp,
) -> Result<Begin, SqlError> {
    let claim = Claim { principal: principal.id.clone(), key: key.clone(), begun_at: now };
    db.write(move |tx| begin_in(tx, &claim, fingerprint)).await
}

/// Keeps the answer of a claim for repeats. Tells whether the claim still held.
///
/// # Errors
/// See [`SqlError`].
pub async fn finish(db: &Db, claim: Claim, answer: StoredAnswer) -> Result<bool, SqlError> {
    let headers = to_lines(&answer.headers);
    let write = move |tx: &mut Tx<'_>| {
        tx.execute(
            "UPDATE kit_idempotency SET status = ?4, headers = ?5, body = ?6
             WHERE principal = ?1 AND idempotency_key = ?2 AND created_at = ?3 AND status = 0",
            &[
                (&claim.principal).into(),
                claim.key.as_str().into(),
                claim.begun_at.into(),
                i64::from(answer.status.as_u16()).into(),
                (&headers).into(),
                (&*answer.body).into(),
            ],
        )
    };
    Ok(db.write(write).await? > 0)
}

/// Frees the key of a claim: the request came to nothing and may be tried again.
///
/// # Errors
/// See [`SqlError`].
pub async fn abandon(db: &Db, claim: Claim) -> Result<(), SqlError> {
    let write = move |tx: &mut Tx<'_>| {
        tx.execute(
            "DELETE FROM kit_idempotency
             WHERE principal = ?1 AND idempotency_key = ?2 AND created_at = ?3 AND status = 0",
            &[(&claim.principal).into(), claim.key.as_str().into(), claim.begun_at.into()],
        )
    };
    db.write(write).await.map(drop)
}

/// Removes what is older than [`KEPT_FOR`]; a job to run now and then. Returns how many rows.
///
/// # Errors
/// See [`SqlError`].
pub async fn sweep(db: &Db, now: Timestamp) -> Result<u64, SqlError> {
    let before = now.minus(KEPT_FOR);
    let sweep = move |tx: &mut Tx<'_>| {
        tx.execute(
            "DELETE FROM kit_idempotency WHERE (principal, idempotency_key) IN (
                SELECT principal, idempotency_key FROM kit_idempotency
                WHERE created_at <= ?1 ORDER BY created_at LIMIT ?2)",
            &[before.into(), SWEEP_BATCH.into()],
        )
    };
    let mut removed = 0;
    loop {
        let batch = db.write(sweep).await?;
        removed += batch;
        if batch < SWEEP_BATCH.unsigned_abs() {
            return Ok(removed);
        }
    }
}

fn begin_in(tx: &mut Tx<'_>, claim: &Claim, fingerprint: Fingerprint) -> Result<Begin, SqlError> {
    let stored = tx.find(
        "SELECT fingerprint, status, headers, body, created_at FROM kit_idempotency
         WHERE principal = ?1 AND idempotency_key = ?2",
        &[(&claim.principal).into(), claim.key.as_str().into()],
        read,
    )?;
    match stored {
        Some(row) if !row.has_lapsed(claim.begun_at) => row.stands(fingerprint),
        Some(_) => {
            tx.execute(
                "UPDATE kit_idempotency SET fingerprint = ?3, created_at = ?4, status = 0,
                    headers = '', body = ?5 WHERE principal = ?1 AND idempotency_key = ?2",
                &claim_values(claim, &fingerprint),
            )?;
            Ok(Begin::First(claim.clone()))
        }
        None => {
            let inserted = tx.execute(
                "INSERT INTO kit_idempotency (principal, idempotency_key, fingerprint, created_at,
                    status, headers, body) VALUES (?1, ?2, ?3, ?4, 0, '', ?5)
                 ON CONFLICT (principal, idempotency_key) DO NOTHING",
                &claim_values(claim, &fingerprint),
            )?;
            // None inserted: another server of the same database was first by a moment.
            Ok(if inserted == 0 { Begin::InProgress } else { Begin::First(claim.clone()) })
        }
    }
}

fn claim_values<'v>(claim: &'v Claim, fingerprint: &'v Fingerprint) -> [crate::sql::Value<'v>; 5] {
    [
        (&claim.principal).into(),
        claim.key.as_str().into(),
        (&fingerprint.0).into(),
        claim.begun_at.into(),
        (&[]).into(),
    ]
}

impl Stored {
    fn has_lapsed(&self, now: Timestamp) -> bool {
        let lasts = if self.status == UNDER_WAY { CLAIMED_FOR } else { KEPT_FOR };
        now.since(self.created_at) >= lasts
    }

    fn stands(self, fingerprint: Fingerprint) -> Result<Begin, SqlError> {
        if self.fingerprint != fingerprint.0 {
            return Ok(Begin::Mismatch);
        }
        if self.status == UNDER_WAY {
            return Ok(Begin::InProgress);
        }
        let status = u16::try_from(self.status).ok().and_then(|it| StatusCode::from_u16(it).ok());
        let unreadable = || SqlError::Invalid(format!("{} is no status of HTTP", self.status));
        let status = status.ok_or_else(unreadable)?;
        let (headers, body) = (from_lines(&self.headers), Bytes::from(self.body));
        Ok(Begin::Replay(StoredAnswer { status, headers, body }))
    }
}

fn read(row: &Row<'_>) -> Result<Stored, SqlError> {
    Ok(Stored {
        fingerprint: row.get(0)?,
        status: row.get(1)?,
        headers: row.get(2)?,
        body: row.get(3)?,
        created_at: row.time(4)?,
    })
}

/// One `name: value` a line. A value that is not ASCII text is left out.
fn to_lines(headers: &HeaderMap) -> String {
    let line = |(name, value): (&HeaderName, &HeaderValue)| {
        Some(format!("{name}: {}\n", value.to_str().ok()?))
    };
    headers.iter().filter_map(line).collect()
}

fn from_lines(text: &str) -> HeaderMap {
    let header = |line: &str| {
        let (name, value) = line.split_once(": ")?;
        Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?))
    };
    text.lines().filter_map(header).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn headers_come_back(values in prop::collection::vec("[ -~]{0,20}", 0..4)) {
            let names = ["content-type", "location", "etag", "link"];
            let headers: HeaderMap = names
                .iter()
                .zip(&values)
                .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_str(value).unwrap()))
                .collect::<HeaderMap<HeaderValue>>();
            prop_assert_eq!(from_lines(&to_lines(&headers)), headers);
        }

        #[test]
        fn any_text_is_read(text in "\\PC{0,60}") {
            let _ = from_lines(&text);
        }
    }
}
