//! Clicks on their way to the store: gathered in memory, written together twice a second.
//!
//! A redirect never waits: it adds to one of a few shards (a fifth of a microsecond). A worker
//! takes what has gathered and writes it in one transaction: added up when it is of few links, else
//! as it is, for [`crate::click_runs`] to add up later. So a click is durable within a second, and
//! what `kill -9` can lose is the last half second of counts.

use std::hash::Hasher;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use kit::clock::{Clock, Timestamp};
use kit::entropy::Entropy;
use kit::sql::{Db, SqlError, Tx};
use kit::telemetry::metrics::{Counter, Metrics};
use parking_lot::Mutex;
use siphasher::sip::SipHasher13;

use crate::click_batch::{Aggregator, Click, LinkBatch};
use crate::click_chunk::{Chunk, Chunker};
use crate::click_runs::{self, RUNS_MAX, Reach};
use crate::click_store;
use crate::country::Country;
use crate::gathered::Gathered;

/// How often gathered clicks are written.
pub const FLUSH_EVERY: Duration = Duration::from_millis(500);
/// Clicks that may wait in one shard, 40 MB; further ones are dropped and counted. Only a store
/// that refuses writes lets it come to that.
pub const CLICKS_WAITING_MAX: usize = 500_000;
/// Links whose clicks are added up at once: a transaction of some 50 ms. Those of more links wait.
const LINKS_AT_ONCE_MAX: usize = 1_000;
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
    shards: [Mutex<Gathered>; SHARDS],
    /// One flush at a time.
    writing: tokio::sync::Mutex<Writing>,
    /// Runs in the store that wait to be added up, as far as this process knows.
    runs: AtomicU64,
    /// One step at a time, and how far the next goes.
    reach: tokio::sync::Mutex<Reach>,
    salt: ArcSwap<Salt>,
    counted: Counter,
    dropped: Counter,
}

#[derive(Default)]
struct Writing {
    aggregator: Aggregator,
    /// By the store, to be written before what has gathered since.
    refused: Option<Pending>,
}

/// Clicks taken from the shards, in the order of their links.
struct Pending {
    gathered: Vec<Gathered>,
    /// Link, gathering and place of every click.
    order: Vec<(i64, usize, usize)>,
}

impl Pending {
    fn of(gathered: Vec<Gathered>) -> Self {
        let places = gathered.iter().enumerate().flat_map(|(number, gathered)| {
            gathered.places().map(move |(link_id, index)| (link_id, number, index))
        });
        let mut order: Vec<_> = places.collect();
        order.sort_unstable();
        Self { gathered, order }
    }

    fn clicks(&self) -> impl Iterator<Item = Click<'_>> {
        self.order.iter().filter_map(|(_, number, index)| self.gathered[*number].get(*index))
    }

    fn links(&self) -> usize {
        self.order.chunk_by(|one, next| one.0 == next.0).count()
    }

    fn added_up(&self, aggregator: &mut Aggregator) -> Vec<(i64, LinkBatch)> {
        self.clicks().for_each(|click| aggregator.add(&click));
        aggregator.take().links.into_iter().collect()
    }

    fn chunks(&self) -> Vec<Chunk> {
        let mut chunker = Chunker::default();
        let mut chunks: Vec<Chunk> =
            self.clicks().filter_map(|click| chunker.add(&click)).collect();
        chunks.extend(chunker.finish());
        chunks
    }
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
            metrics.counter("backplane_shortener_clicks", "Visits to short links, of all kinds");
        let dropped = metrics.counter(
            "backplane_shortener_clicks_dropped",
            "Visits that were not counted because the store refused writes for too long",
        );
        let salt = ArcSwap::from_pointee(Salt { day: i64::MIN, key: [0; 16] });
        Self {
            sql,
            clock,
            entropy,
            shards: Default::default(),
            writing: tokio::sync::Mutex::default(),
            runs: AtomicU64::new(0),
            reach: tokio::sync::Mutex::default(),
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
        if shard.len() < CLICKS_WAITING_MAX {
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
        let mut writing = self.writing.lock().await;
        self.renew_salt().await?;
        if let Some(refused) = writing.refused.take() {
            self.write(&mut writing, refused).await?;
        }
        let gathered = self.shards.iter().map(|shard| std::mem::take(&mut *shard.lock()));
        let pending = Pending::of(gathered.filter(|gathered| !gathered.is_empty()).collect());
        self.write(&mut writing, pending).await
    }

    async fn write(&self, writing: &mut Writing, pending: Pending) -> Result<(), SqlError> {
        if pending.order.is_empty() {
            return Ok(());
        }
        // What came later is not counted before what waits: the latest visits stay in order.
        let runs = self.runs.load(Ordering::Relaxed);
        let written = match runs == 0 && pending.links() <= LINKS_AT_ONCE_MAX {
            true => self.write_counts(pending.added_up(&mut writing.aggregator)).await,
            false => self.write_run(pending.chunks(), pending.order.len() as u64).await,
        };
        if written.is_err() {
            writing.refused = Some(pending);
        }
        written
    }

    async fn write_counts(&self, links: Vec<(i64, LinkBatch)>) -> Result<(), SqlError> {
        let write = move |tx: &mut Tx<'_>| {
            links.iter().try_for_each(|(id, clicks)| click_store::write(tx, *id, clicks))
        };
        self.sql.write(write).await
    }

    async fn write_run(&self, chunks: Vec<Chunk>, clicks: u64) -> Result<(), SqlError> {
        // The store cannot keep up: clicks gather, and in the end are dropped and counted.
        while self.runs.load(Ordering::Relaxed) >= RUNS_MAX {
            self.add_up().await?;
        }
        let put = move |tx: &mut Tx<'_>| {
            click_runs::put(tx, &chunks, clicks)?;
            click_runs::count(tx)
        };
        self.runs.store(self.sql.write::<_, SqlError>(put).await?, Ordering::Relaxed);
        Ok(())
    }

    /// Adds up some of the clicks that wait in the store; true when more wait.
    ///
    /// # Errors
    /// The store's own.
    pub async fn add_up(&self) -> Result<bool, SqlError> {
        if self.runs.load(Ordering::Relaxed) == 0 {
            return Ok(false);
        }
        let mut reach = self.reach.lock().await;
        let this = *reach;
        let stepped = self.sql.write(move |tx| click_runs::step(tx, this)).await?;
        *reach = reach.after(stepped.links);
        self.runs.store(stepped.runs, Ordering::Relaxed);
        Ok(stepped.runs > 0)
    }

    /// Learns what waits in the store from before this process.
    ///
    /// # Errors
    /// The store's own.
    pub(crate) async fn find_runs(&self) -> Result<(), SqlError> {
        self.runs.store(self.sql.read(click_runs::count).await?, Ordering::Relaxed);
        Ok(())
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
