//! Judges of histories: what clients saw, held against what they were promised.

pub mod convergence;
pub mod delivery;
pub mod linearizability;
