//! Where a generated code comes from: the counter (M9), or a hash of the target (M6, M8).
//!
//! Both ways take the row's number from the counter. In the hash ways a Bloom filter of the codes
//! in use stands before the store: a target that was never shortened makes no look-up, neither for
//! its code nor for its digest, because a link it had would have its first hash in the filter. The
//! filter may lack what another process stored a moment ago; the unique indexes refuse then, and
//! the next attempt looks.

use kit::sql::{Db, SqlError};
use kit::telemetry::metrics::{Counter, Metrics};
use parking_lot::Mutex;

use crate::code::{self, Code};
use crate::hash_code::{HashCodes, HashMethod, MAX_ATTEMPTS};
use crate::issuer::Issued;

/// Attempts at hashes of the target alone. A target whose links were ended over and over has used
/// up that many; from then on the row's number goes into the text.
const HASHES_OF_TARGET_MAX: u32 = 8;
/// The filter is made for at least so many links (1.4 MB), and for twice those in the store.
const LINKS_EXPECTED_MIN: u64 = 1_000_000;
/// Codes read at once while the filter is rebuilt.
const REBUILD_PAGE: i64 = 10_000;

/// The way of a deployment.
pub enum Codes {
    /// The number, hidden and in base 62.
    Counter,
    /// A hash of the target.
    Hash(Hashed),
}

/// What a code is wanted for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'t> {
    /// The row's number, with the code that stands for it.
    pub issued: Issued,
    /// [`crate::target::Target::normalised`].
    pub target: &'t str,
    /// Whether equal targets share the link.
    pub is_shared: bool,
    /// 0 for the first.
    pub attempt: u32,
}

/// A code to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The code.
    pub code: Code,
    /// Whether the store must be asked for the target and the code before they are put in.
    pub looks: bool,
}

/// Codes by hash.
pub struct Hashed {
    used: Mutex<HashCodes>,
    look_ups: Counter,
}

impl Codes {
    /// By `method`, with the filter rebuilt from the links in `sql`; none: by the counter.
    ///
    /// Cost of the rebuild: one pass over the links, some 1 us each.
    ///
    /// # Errors
    /// See [`SqlError`].
    pub async fn open(
        method: Option<HashMethod>,
        sql: &Db,
        metrics: &Metrics,
    ) -> Result<Self, SqlError> {
        let Some(method) = method else { return Ok(Self::Counter) };
        let look_ups = metrics.counter(
            "backplane_shortener_hash_look_ups",
            "Attempts at a hash code that asked the store whether it is in use",
        );
        let used = Mutex::new(rebuilt(method, sql).await?);
        Ok(Self::Hash(Hashed { used, look_ups }))
    }

    /// Whether a code is its row's number, written as the deployment writes numbers.
    pub fn are_numbers(&self) -> bool {
        matches!(self, Self::Counter)
    }

    /// The code to try, marked as used before anybody can be told of it.
    pub fn choose(&self, wanted: &Wanted<'_>) -> Choice {
        match self {
            Self::Counter => Choice { code: wanted.issued.code, looks: true },
            Self::Hash(hashed) => hashed.choose(wanted),
        }
    }
}

impl Hashed {
    fn choose(&self, wanted: &Wanted<'_>) -> Choice {
        let of_target = wanted.is_shared && wanted.attempt < HASHES_OF_TARGET_MAX;
        let text = match of_target {
            true => wanted.target.to_owned(),
            // No accepted URL has a space: this is no other target's text.
            false => format!("{} |number {}", wanted.target, wanted.issued.id),
        };
        let first = if of_target { wanted.attempt } else { 0 };
        let mut used = self.used.lock();
        let mut proposals = (first..MAX_ATTEMPTS).map(|attempt| used.propose(&text, attempt));
        let plain = proposals.find(|proposal| !code::is_reserved(proposal.code.as_str()));
        let proposal = plain.unwrap_or_else(|| used.propose(&text, MAX_ATTEMPTS));
        used.insert(&proposal.code);
        let looks = wanted.attempt > 0 || !proposal.surely_free;
        if looks {
            self.look_ups.inc();
        }
        Choice { code: proposal.code, looks }
    }
}

async fn rebuilt(method: HashMethod, sql: &Db) -> Result<HashCodes, SqlError> {
    let links = sql
        .read(|tx| tx.find("SELECT COUNT(*) FROM link", &[], |row| row.get::<i64>(0)))
        .await?
        .unwrap_or(0);
    let expected = links.unsigned_abs().saturating_mul(2).max(LINKS_EXPECTED_MIN);
    let mut used = HashCodes::new(method, expected)
        .map_err(|error| SqlError::Invalid(format!("the filter of codes: {error}")))?;
    let mut after = i64::MIN;
    loop {
        // Aliases too: they take codes from the same space.
        let page = sql.read(move |tx| {
            tx.query(
                "SELECT id, code FROM link WHERE id > ?1 ORDER BY id LIMIT ?2",
                &[after.into(), REBUILD_PAGE.into()],
                |row| Ok((row.get::<i64>(0)?, row.get::<String>(1)?)),
            )
        });
        let page: Vec<(i64, String)> = page.await?;
        let Some((last, _)) = page.last() else { return Ok(used) };
        after = *last;
        page.iter()
            .filter_map(|(_, code)| Code::new(code).ok())
            .for_each(|code| used.insert(&code));
    }
}
