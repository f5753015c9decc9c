//! Ids: unique over all machines, ordered by time, 64 bits, made without asking anyone.
//!
//! - [`layout`]: what an id is made of. [`generator`]: time and sequence in one atomic word.
//! - [`registry`]: which generator has which worker, and up to when; a seat keeps a generator
//!   supplied with it, on a clock that is kept well enough (`clock_rule.rs`).
//! - [`service`]: the verbs. [`http`], [`resp`]: the doors; [`fast`] the short way in;
//!   [`port`] answers other systems.
//! - [`uuid`]: 128-bit ids. [`ticket`]: small numbers from a row, alone or by steps.
//! - [`reading`]: what ids of others say. [`text`]: what ours look like.
//!
//! An id is never made twice: a generator issues only in milliseconds that its row in the registry
//! gives to it alone, and that row is written ahead of use.

mod clock_rule;
mod digits;
pub mod fast;
pub mod generator;
pub mod http;
pub mod layout;
pub mod model;
pub mod port;
pub mod reading;
pub mod registry;
pub mod resp;
mod seat;
pub mod service;
pub mod settings;
mod system;
pub mod text;
pub mod ticket;
pub mod uuid;

pub use service::Ids;
pub use settings::{Section, Settings};
pub use system::IdGenerators;
