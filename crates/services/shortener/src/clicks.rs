//! Clicks on their way to the store: added up in memory, written together twice a second.
//!
//! A redirect never waits: it adds to one of a few shards (about half a microsecond). A worker
//! takes what has gathered and writes it in transactions of bounded size. So a click is durable
//! within a second, and what `kill -9` can lose is the last half second of counts.

use std::hash::Hasher;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use kit::clock::{Clock, Timestamp};
use kit::entropy::Entropy;
use kit::sql::{Db, SqlError};
use kit::telemetry::metrics::{Counter, Metrics};
use parking_lot::Mutex;
use siphasher::sip::SipHasher13;

use crate::click_batch::{Aggregator, Batch, Click, LinkBatch};
use crate::click_store;
use crate::country::Country;

/// How often gathered clicks are written.
pub const FLUSH_EVERY: Duration = Duration::from_millis(500);
/// Different links whose clicks may wait in one shard; clicks of further links are dropped and
/// counted. Only a store that refuses writes lets it come to that.
pub const LINKS_WAITING_MAX: usize = 50_000;
/// Links written in one transaction, so that others get their turn between.
const LINKS_A_WRITE: usize = 1_000;
const SHARDS: usize = 4;

/// What a front door knows of a visit.
#[derive(Clone, Copy, Debug)]
pub struct Visitor<'a> {
    /// Where from; hashed with a key of the day and forgotten.
    pub address: IpAddr,
    /// The `Referer` header.
    pub referrer: Option<&'a str>,
    /// The `User-Agent` header.
    pub agent: Option<&'a str>,
    /// From a header that the operator trusts.
    pub country: Country,
    /// Whether the visit came from a QR code.
    pub scan: bool,
}

/// The clicks of one namespace.
pub struct Clicks {
    sql: Db,
    clock: Clock,
    entropy: Entropy,
    shards: [Mutex<Aggregator>; SHARDS],
    /// Refused by the store, to be written before what has gathered since.
    unwritten: Mutex<Vec<(i64, LinkBatch)>>,
    /// Keeps two flushes from passing each other.
    flushing: tokio::sync::Mutex<()>,
    salt: ArcSwap<Salt>,
    counted: Counter,
    dropped: Counter,
}

#[derive(Clone, Copy, Debug)]
struct Salt {
    day: i64,
    key: [u8; 16],
}

impl Clicks {
    /// Starts with the salt of the day that the store has, or a new one.
    pub fn new(sql: Db, clock: Clock, entropy: Entropy, metrics: &Metrics) -> Self {
        let counted =
            metrics.counter("backplane_shortener_clicks", "Visits to short links, of all kinds.");
        let dropped = metrics.counter(
            "backplane_shortener_clicks_dropped",
            "Visits that were not counted because the store refused writes for too long.",
        );
        let salt = ArcSwap::from_pointee(Salt { day: i64::MIN, key: [0; 16] });
        Self {
            sql,
            clock,
            entropy,
            shards: Default::default(),
            unwritten: Mutex::default(),
            flushing: tokio::sync::Mutex::default(),
            salt,
            counted,
            dropped,
        }
    }

    /// Counts a visit to the link `link_id`. Never waits for the store.
    pub fn count(&self, link_id: i64, at: Timestamp, visitor: &Visitor<'_>) {
        let click = Click {
            link_id,
            at_us: at.micros(),
            referrer: visitor.referrer,
            agent: visitor.agent,
            country: visitor.country,
            visitor: self.visitor_hash(visitor),
            scan: visitor.scan,
        };
        let mut shard = self.shards[shard_of_this_thread()].lock();
        if shard.links_pending() < LINKS_WAITING_MAX {
            shard.add(&click);
            self.counted.inc();
        } else {
            self.dropped.inc();
        }
    }

    /// Writes what has gathered. On a refusal the clicks are kept and written next time.
    ///
    /// # Errors
    /// The store's own.
    pub async fn flush(&self) -> Result<(), SqlError> {
        let _flushing = self.flushing.lock().await;
        self.renew_salt().await?;
        let mut links = std::mem::take(&mut *self.unwritten.lock());
        let room = SHARDS * LINKS_WAITING_MAX;
        for shard in &self.shards {
            // While the store refuses, shards fill up to their own limit.
            if links.len() < room {
                let Batch { links: taken, .. } = shard.lock().take();
                links.extend(taken);
            }
        }
        let mut links: Arc<[(i64, LinkBatch)]> = links.into();
        let mut written = 0;
        let mut outcome = Ok(());
        while written < links.len() && outcome.is_ok() {
            let (all, end) = (Arc::clone(&links), (written + LINKS_A_WRITE).min(links.len()));
            let write = move |tx: &mut kit::sql::Tx<'_>| {
                all[written..end]
                    .iter()
                    .try_for_each(|(id, batch)| click_store::write(tx, *id, batch))
            };
            outcome = self.sql.write(write).await;
            if outcome.is_ok() {
                written = end;
            }
        }
        if outcome.is_err() {
            match Arc::get_mut(&mut links) {
                Some(links) => self.unwritten.lock().extend(
                    links[written..].iter_mut().map(|(id, batch)| (*id, std::mem::take(batch))),
                ),
                None => self.unwritten.lock().extend(links[written..].iter().cloned()),
            }
        }
        outcome
    }

    fn visitor_hash(&self, visitor: &Visitor<'_>) -> u64 {
        let mut hasher = SipHasher13::new_with_key(&self.salt.load().key);
        match visitor.address {
            IpAddr::V4(address) => hasher.write(&address.octets()),
            IpAddr::V6(address) => hasher.write(&address.octets()),
        }
        hasher.write(visitor.agent.unwrap_or_default().as_bytes());
        hasher.finish()
    }

    /// A new key each day, the old one forgotten: nobody can be followed from day to day. Called
    /// before the first click too, else that click's visitor would count twice.
    pub(crate) async fn renew_salt(&self) -> Result<(), SqlError> {
        let day = self.clock.now().day();
        if self.salt.load().day == day {
            return Ok(());
        }
        let fresh = self.entropy.bytes16();
        let key = self.sql.write(move |tx| click_store::salt_of(tx, day, fresh)).await?;
        self.salt.store(Arc::new(Salt { day, key }));
        Ok(())
    }
}

/// Threads take turns at the shards, so that two of them rarely want one.
fn shard_of_this_thread() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
    }
    MINE.with(|shard| *shard)
}
