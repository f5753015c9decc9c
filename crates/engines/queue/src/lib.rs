//! A message queue that Kafka clients cannot tell apart from Kafka.
//!
//! - [`batch`]: the record batch, one layout on the wire and on disk.
//! - [`marker`]: how a transaction ends in a partition.
//! - [`log`]: a partition: offsets, what may be seen, what is in memory and what in files.
//! - [`segment`]: a stretch of a partition in files, with its indexes.
//! - [`producers`]: a batch that is sent twice is appended once.

pub mod batch;
pub mod log;
pub mod marker;
pub mod producers;
pub mod segment;
