//! How many links one source may make (F16).

use std::num::NonZeroU32;

use kit::clock::Timestamp;
use kit::limits::{BucketRule, KeyedBuckets};

use crate::model::{Author, ShortenError};
use crate::settings::Settings;

/// Sources whose buckets are remembered at once.
const SOURCES_MAX: usize = 100_000;

/// The buckets of one namespace: one kind for callers without a credential, by address, and one
/// for principals. A limit of 0 a minute is none.
pub(crate) struct Creations {
    anonymous: Option<KeyedBuckets<String>>,
    known: Option<KeyedBuckets<String>>,
}

impl Creations {
    /// As the settings say.
    pub(crate) fn new(settings: &Settings) -> Self {
        let buckets = |a_minute: u32| {
            let rate = NonZeroU32::new(a_minute)?;
            let rule = BucketRule { capacity: rate, refill: rate, period_us: 60_000_000 };
            Some(KeyedBuckets::new(rule, SOURCES_MAX))
        };
        Self {
            anonymous: buckets(settings.anonymous_creates_per_minute),
            known: buckets(settings.creates_per_minute),
        }
    }

    /// Takes one creation of `author`'s allowance.
    ///
    /// # Errors
    /// [`ShortenError::Limited`] with the seconds to wait.
    pub(crate) fn take(&self, author: &Author, now: Timestamp) -> Result<(), ShortenError> {
        let buckets = if author.id.is_empty() { &self.anonymous } else { &self.known };
        let Some(buckets) = buckets else { return Ok(()) };
        let taken = buckets.take(author.limited_by.clone(), now.micros());
        taken.map_err(|wait| ShortenError::Limited(wait.0))
    }
}
