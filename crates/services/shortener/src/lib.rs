//! Short links: a long URL becomes a short one, and everyone who opens it is sent on and counted.
//!
//! Write path: [`http`] (or the doors that speak as Bitly, YOURLS and Shlink) calls [`service`];
//! [`target`] checks the long URL; [`issuer`] takes a number from [`ranges`]; [`code_scheme`] hides
//! it by a [`permutation`] and writes it in [`base62`]; [`store`] keeps it.
//!
//! Read path: [`public`] answers from [`hot`], else asks [`service`] and [`store`]; the click is
//! [`gathered`], and written by [`clicks`] twice a second: added up by [`click_store`], or, when
//! many links were clicked, as it is in [`click_chunk`]s that [`click_runs`] adds up later.
//!
//! Beside them: [`insight`] and [`stats`] tell of clicks what [`agent`], [`referrer`] and
//! [`country`] made of their headers; [`qr`] draws; [`exchange`] moves links in and out; [`admin`]
//! keeps domains and blocked hosts; [`codes`] and [`hash_code`] make codes from hashes;
//! [`invalidation`] is for several processes on one database;
//! [`invariants`] names what holds of the rows.
//!
//! A mapping is in the store before it is acknowledged, and a redirect never waits for a count.
//! The mechanisms read no clock and do no I/O.

pub mod admin;
pub mod agent;
pub mod base62;
pub mod bitly;
pub mod click_batch;
pub mod click_chunk;
pub mod click_runs;
pub mod click_store;
pub mod clicks;
pub mod code;
pub mod code_scheme;
pub mod codes;
pub mod country;
mod doors;
mod edit;
pub mod exchange;
pub mod gathered;
pub mod hash_code;
pub mod hot;
pub mod http;
mod in_step;
pub mod insight;
pub mod intake;
pub mod invalidation;
pub mod invariants;
pub mod issuer;
mod limit;
pub mod listing;
pub mod model;
pub mod outflow;
pub mod permutation;
pub mod public;
pub mod qr;
pub mod ranges;
pub mod referrer;
pub mod service;
pub mod settings;
pub mod shlink;
pub mod stats;
pub mod store;
mod system;
pub mod target;
pub mod yourls;

pub use settings::{Section, Settings};
pub use system::Shorteners;
