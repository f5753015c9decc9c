//! Pure data structures, each with its error bound, size, cost and source in its own file.
//!
//! Sketches, which answer nearly right in little memory:
//! - [`bloom`]: "surely absent, or perhaps present", in ten bits a key; with removal; growing;
//! - [`count_min`]: how often things came up, and which came up most;
//! - [`hyperloglog`]: how many distinct things were seen, in a few kilobytes.
//!
//! Placement of keys on servers ([`membership`] has the calls they share):
//! - [`ring`]: consistent hashing, with replicas, zones, bounded loads and exact ranges that move;
//! - [`rendezvous`], [`jump`], [`maglev`], [`slots`], [`partitions`]: its alternatives;
//! - [`ketama`]: the ring of Memcached clients; [`modulo`]: what all are compared with.
//!
//! Order and history:
//! - [`ranked_set`]: members by score, with ranks in O(log n);
//! - [`merkle`]: where two copies of a set differ;
//! - [`vector_clock`]: which of two versions came from the other, if any did.
//!
//! Numbers: [`permutation`], which hides their order and leads back.
//!
//! This crate knows nothing of any system: no I/O, no clock, no entropy, no threads of its own.
//! Hashes come from fixed keys or from the caller ([`hash`]), so that what is stored today reads
//! the same tomorrow. Stored forms begin with a version byte, and reading one never trusts it
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
pub mod permutation;
pub mod ranked_set;
pub mod rendezvous;
pub mod ring;
pub mod slots;
#[cfg(test)]
mod spread_testing;
pub mod stored;
pub mod vector_clock;

/// The examples of the README, run as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
