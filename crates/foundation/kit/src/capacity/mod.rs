//! What an availability target and a load assumption come to.
//!
//! - [`Availability`]: the downtime that a percentage allows.
//! - [`Assumptions`]: requests a second, storage, cache and servers, from stated assumptions.
//! - [`latency`]: what memory, disk, network and compression take on this machine.
//!
//! The calculators are pure and use whole numbers, so what they print is exact before it is
//! rounded. Every number has its unit. Bytes are counted in powers of 1,000.

mod availability;
mod estimate;
pub mod latency;
mod quantity;

pub use availability::{Availability, Downtime, InvalidAvailability};
pub use estimate::{Assumptions, Estimate};
pub use quantity::{Quantity, Unit, about, round_input};
