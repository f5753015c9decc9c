//! The `[queue]` section of the configuration; `default.toml` says what each key means.

use std::time::Duration;

use journal::Flush;
use serde::Deserialize;

use crate::group::Limits;

/// The commented section with its defaults.
pub const DEFAULT: &str = include_str!("default.toml");

/// The section as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "default.toml documents each key")]
pub struct Section {
    pub kafka_listen: String,
    pub anonymous: bool,
    pub flush: String,
    pub flush_interval_ms: u32,
    pub journal_segment_mib: u32,
    pub partitions_default: i32,
    pub auto_create_topics: bool,
    pub group_initial_delay_ms: u32,
}

/// The section, checked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// See `flush`.
    pub flush: Flush,
    /// See `anonymous`.
    pub anonymous: bool,
    /// See `journal_segment_mib`, in bytes.
    pub journal_segment_bytes: u64,
    /// See `partitions_default`.
    pub partitions_default: i32,
    /// What a group may take; see `group_initial_delay_ms`.
    pub groups: Limits,
    /// See `auto_create_topics`.
    pub auto_create: bool,
}

impl Section {
    /// What it comes to.
    ///
    /// # Errors
    /// One line that names the key and what it takes.
    pub fn check(&self) -> Result<Settings, String> {
        let flush = match self.flush.as_str() {
            "every-batch" => Flush::EveryBatch,
            "interval" => Flush::Interval(Duration::from_millis(self.flush_interval_ms.into())),
            "never" => Flush::Never,
            other => {
                return Err(format!(
                    "queue.flush is every-batch, interval or never, not {other:?}"
                ));
            }
        };
        if !(1..=1024).contains(&self.journal_segment_mib) {
            return Err("queue.journal_segment_mib is 1 to 1024".to_owned());
        }
        if !(1..=1000).contains(&self.partitions_default) {
            return Err("queue.partitions_default is 1 to 1000".to_owned());
        }
        Ok(Settings {
            flush,
            anonymous: self.anonymous,
            journal_segment_bytes: u64::from(self.journal_segment_mib) << 20,
            partitions_default: self.partitions_default,
            groups: Limits {
                initial_rebalance_delay_ms: self.group_initial_delay_ms,
                ..Limits::default()
            },
            auto_create: self.auto_create_topics,
        })
    }
}
