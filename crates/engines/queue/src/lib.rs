//! A message queue that Kafka clients cannot tell apart from Kafka.
//!
//! - [`kafka`]: the front door for Kafka clients. [`service`]: the verbs. [`system`]: how a
//!   namespace's broker is opened. [`settings`]: the `[queue]` section.
//! - [`batch`]: the record batch, one layout on the wire and on disk. [`record`]: what is in it.
//!   [`marker`]: how a transaction ends in a partition.
//! - [`log`]: a partition's offsets, what may be seen, what is in memory and what in files.
//!   [`segment`]: a stretch of it in files, with its indexes. [`partition`]: who waits for it.
//! - [`group`]: who of a consumer group reads what.
//! - [`producers`]: a batch that is sent twice is appended once.
//! - [`transaction`]: batches and offsets that count together or not at all.
//! - [`topic`]: names and settings. [`state`]: what is known beside batches.

pub mod batch;
mod blocking;
pub mod error;
pub mod group;
pub mod kafka;
pub mod log;
pub mod marker;
pub mod partition;
pub mod producers;
pub mod record;
pub mod segment;
pub mod service;
pub mod settings;
pub mod state;
pub mod system;
pub mod topic;
pub mod transaction;
