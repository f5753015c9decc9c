//! Placeholder of the crate map.

pub mod agent;
pub mod base62;
pub mod click_batch;
pub mod code;
pub mod country;
pub mod exchange;
pub mod hash_code;
pub mod permutation;
pub mod qr;
pub mod ranges;
pub mod referrer;
pub mod stats;
pub mod target;
