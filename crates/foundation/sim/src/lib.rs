//! One seed drives a simulated disk, network, clock and scheduler under the code of the house.
//!
//! A seed that is run twice has one trace. Nothing here reads the machine's clock or randomness.

pub mod checkers;
pub mod clock;
pub mod cluster;
pub mod disk;
mod fiber;
pub mod machine;
pub mod network;
pub mod scheduler;
pub mod seed;
pub mod shrink;
pub mod trace;
