//! Pure data structures, each with its error bound and source in its own file.
//!
//! - [`bloom`]: "surely absent, or perhaps present", in about ten bits a key;
//! - [`hyperloglog`]: how many distinct things were seen, in a few kilobytes.
//!
//! This crate knows nothing of any system: no I/O, no clock, no entropy, no threads. Hashes come
//! from fixed keys or from the caller, so that what is stored today reads the same tomorrow.
//! Stored forms begin with a version byte, and reading one never trusts it.

pub mod bloom;
pub mod hyperloglog;
