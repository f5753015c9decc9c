//! Short links: a long URL becomes a short one, and everyone who opens it is sent on and counted.
//!
//! Write path: [`http`] (or the doors that speak as Bitly, YOURLS and Shlink) → [`service`] →
//! [`target`] checks the long URL → [`issuer`] takes a number from [`ranges`], hides it by a
//! [`permutation`] and writes it in [`base62`] → [`store`].
//!
//! Read path: [`public`] → [`hot`] answers from memory, else [`service`] → [`store`]; the click is
//! added up by [`clicks`] and written by [`click_store`] twice a second.
//!
//! Beside them: [`insight`], [`stats`] and [`agent`], [`referrer`], [`country`] for what clicks
//! tell; [`qr`]; [`admin`] for domains and blocked hosts; [`codes`] and [`hash_code`] for codes made
//! from hashes; [`invalidation`] for several processes on one database; [`invariants`] for what
//! holds of the rows.
//!
//! A mapping is in the store before it is acknowledged, and a redirect never waits for a count.
//! The mechanisms read no clock and do no I/O.

pub mod admin;
pub mod agent;
pub mod base62;
pub mod click_batch;
pub mod click_store;
pub mod clicks;
pub mod code;
pub mod codes;
pub mod country;
pub mod exchange;
pub mod hash_code;
pub mod hot;
pub mod http;
pub mod insight;
pub mod invalidation;
pub mod invariants;
pub mod issuer;
mod limit;
pub mod model;
pub mod permutation;
pub mod public;
pub mod qr;
pub mod ranges;
pub mod referrer;
pub mod service;
pub mod settings;
pub mod stats;
pub mod store;
mod system;
pub mod target;

pub use settings::{Section, Settings};
pub use system::Shorteners;
