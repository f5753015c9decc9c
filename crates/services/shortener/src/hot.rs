//! The read cache (M13): code to target in memory, so that a redirect asks nobody.
//!
//! Cost of a hit: one hash of the code, one sharded lock, one reference count. A miss is filled by
//! one caller while others that want the same code wait for it.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use http::HeaderValue;
use kit::clock::Timestamp;
use quick_cache::sync::Cache;

use crate::model::{Link, ShortAddress};

/// How long an unknown code is remembered as unknown.
const ABSENT_FOR: Duration = Duration::from_secs(1);
/// What an entry costs beside its texts: key, entry, counters and the cache's own links.
const ENTRY_BYTES: u64 = 256;

/// What a redirect needs of a link.
#[derive(Debug)]
pub struct Hot {
    /// The link's id.
    pub id: i64,
    /// 301, 302, 307 or 308.
    pub status: u16,
    /// Ready to be sent.
    pub location: HeaderValue,
    /// Whether the visitor's query is added to the target's.
    pub forward_query: bool,
    valid_from: Timestamp,
    /// Microseconds; moved by each use when the link lives from its last use.
    deadline_us: AtomicI64,
    idle: Option<Duration>,
}

impl Hot {
    /// None when the target cannot be a header, which no accepted target is.
    pub fn new(link: &Link, idle: Duration) -> Option<Self> {
        Some(Self {
            id: link.id,
            status: link.redirect.status(),
            location: HeaderValue::from_str(&link.long_url).ok()?,
            forward_query: link.forward_query,
            valid_from: link.valid_from.unwrap_or(Timestamp::from_micros(i64::MIN)),
            deadline_us: AtomicI64::new(link.deadline(idle).micros()),
            idle: link.expires_at.is_none().then_some(idle),
        })
    }

    /// Whether it answers at `now`; a use renews a link that lives from its last use.
    pub fn use_at(&self, now: Timestamp) -> bool {
        let alive =
            self.valid_from <= now && now.micros() < self.deadline_us.load(Ordering::Relaxed);
        if let (true, Some(idle)) = (alive, self.idle) {
            self.deadline_us.store(now.plus(idle).micros(), Ordering::Relaxed);
        }
        alive
    }
}

/// What is known of a code.
#[derive(Clone, Debug)]
pub enum Known {
    /// It redirects.
    Hot(Arc<Hot>),
    /// There was no such code a moment ago.
    AbsentUntil(Timestamp),
}

/// Bounded by bytes; the least useful entries go first.
pub struct HotLinks(Cache<String, Known, Weigh>);

#[derive(Clone)]
struct Weigh;

impl quick_cache::Weighter<String, Known> for Weigh {
    fn weight(&self, key: &String, known: &Known) -> u64 {
        bytes_of(key, known)
    }
}

/// What an entry counts for in a cache's bytes: an estimate of the memory it takes.
pub fn bytes_of(key: &str, known: &Known) -> u64 {
    let target = match known {
        Known::Hot(hot) => hot.location.len() as u64,
        Known::AbsentUntil(_) => 0,
    };
    ENTRY_BYTES + key.len() as u64 + target
}

impl HotLinks {
    /// Holds at most about `bytes_max`.
    pub fn new(bytes_max: u64) -> Self {
        let entries = usize::try_from(bytes_max / (ENTRY_BYTES + 64)).unwrap_or(usize::MAX);
        Self(Cache::with_weighter(entries.max(16), bytes_max, Weigh))
    }

    /// What is known of `key` (see [`key_of`]) without asking the store.
    pub fn get(&self, key: &str) -> Option<Known> {
        self.0.get(key)
    }

    /// What `load` finds, kept unless the code is changed meanwhile.
    ///
    /// # Errors
    /// What `load` returns; nothing is kept then.
    pub async fn get_or_load<E>(
        &self,
        address: &ShortAddress,
        load: impl Future<Output = Result<Known, E>>,
    ) -> Result<Known, E> {
        match self.0.get_value_or_guard_async(&*key(address)).await {
            Ok(known) => Ok(known),
            Err(guard) => {
                let known = load.await?;
                // Refused when `forget` was called during the load: what was read may be old.
                let _ = guard.insert(known.clone());
                Ok(known)
            }
        }
    }

    /// What is known of the code at `address`.
    pub fn at(&self, address: &ShortAddress) -> Option<Known> {
        self.get(&key(address))
    }

    /// The code was created, changed or deleted.
    pub fn forget(&self, address: &ShortAddress) {
        self.0.remove(&*key(address));
    }

    /// Something changed that concerns many codes.
    pub fn forget_all(&self) {
        self.0.clear();
    }
}

/// What `code` on `domain` is kept under. The service's own domain (empty) is the common case: its
/// codes are keys as they are.
pub fn key_of<'a>(domain: &str, code: &'a str) -> Cow<'a, str> {
    if domain.is_empty() { Cow::Borrowed(code) } else { Cow::Owned(format!("{domain}/{code}")) }
}

fn key(address: &ShortAddress) -> Cow<'_, str> {
    key_of(&address.domain, &address.code)
}

/// An unknown code, remembered from `now` on.
pub fn absent(now: Timestamp) -> Known {
    Known::AbsentUntil(now.plus(ABSENT_FOR))
}
