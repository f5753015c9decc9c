//! Pure data structures, each with its error bound and source in its own file.
//!
//! This crate knows nothing of any system: no I/O, no clock, no entropy, no threads of its own.
//! Hashes come from fixed keys or from the caller ([`hash`]), so that what is stored today reads the
//! same tomorrow. Stored forms begin with a version byte, and reading one never trusts it
//! ([`stored`]).

pub mod bloom;
pub mod count_min;
pub mod hash;
pub mod hyperloglog;
pub mod jump;
pub mod ketama;
pub mod maglev;
pub mod membership;
pub mod merkle;
pub mod modulo;
pub mod partitions;
pub mod rendezvous;
pub mod ring;
pub mod slots;
#[cfg(test)]
mod spread_testing;
pub mod stored;
pub mod vector_clock;
