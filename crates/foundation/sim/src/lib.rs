//! One seed drives a simulated disk, network, clock and scheduler under the code of the house.
//!
//! A seed that is run twice has one trace. Nothing here reads the machine's clock or randomness.

pub mod disk;
pub mod seed;
pub mod trace;
