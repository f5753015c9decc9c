//! An append-only log on disk: many writers share one flush, and what was acknowledged is there
//! again after `kill -9` and power loss.
//!
//! - [`Journal`]: the verbs. A writer asks for [`Journal::room`], [`Journal::append`]s and waits
//!   until its record is [`Journal::kept`].
//! - `gather`: records get their sequence and place in memory; `writer`: what has gathered is
//!   written and flushed at once, while the next batch gathers.
//! - [`frame`]: how a record lies in a file. [`segment`]: how a file begins, and how it is named.
//! - [`snapshot`]: the state that a system made of its records, so that they can be released.
//! - `recovery`: what is found after whatever ended the process; `scan` reads past damage.
//!
//! Records have sequences without gaps, from 0 on. A segment is written in files that were written
//! before, so that a flush moves data and nothing else, and is given up as a whole once all its
//! records are released.

mod error;
pub mod frame;
mod gather;
mod journal;
mod recovery;
mod scan;
pub mod segment;
pub mod snapshot;
mod writer;

pub use error::JournalError;
pub use journal::{Flush, Journal, Options, Room};
pub use recovery::Lost;
