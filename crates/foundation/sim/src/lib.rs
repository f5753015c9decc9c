//! One seed drives a simulated disk, network, clock and scheduler under the code of the house.
//!
//! From the seed up:
//!
//! - [`seed`]: draws, forked by label.
//! - [`trace`]: what happened, as one hash.
//! - [`disk`]: files that tear, fail, fill up and lose power.
//! - [`network`], [`clock`]: messages that are late, lost and doubled; clocks that are wrong.
//! - [`scheduler`]: tasks and blocking jobs of kit, one at a time, in an order of the seed's; a
//!   [`machine`] of it is what kit runs on.
//! - [`cluster`]: nodes that are pure state machines, for protocols.
//! - [`plan`]: what goes wrong, within the fault model that the README writes down.
//! - [`checkers`]: linearizability, convergence, delivery.
//! - [`scenarios`]: kit's stores under all of this; [`scenarios::planted`] bugs that must be found.
//! - [`shrink`], [`campaign`]: many seeds, and the least that still fails.
//!
//! A seed that is run twice has one trace. Nothing here reads the machine's clock or randomness.

pub mod campaign;
pub mod checkers;
pub mod clock;
pub mod cluster;
pub mod disk;
mod fiber;
pub mod machine;
pub mod network;
pub mod plan;
pub mod scenarios;
pub mod scheduler;
pub mod seed;
pub mod shrink;
pub mod trace;
