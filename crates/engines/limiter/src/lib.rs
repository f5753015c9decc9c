//! Rate limits: who may do how much of what, decided in one cache line.
//!
//! The path of a decision: a front door ([`http`], [`grpc`], [`resp`], or a [`gate`] in front of a
//! server) makes a [`model::Request`] of what came; [`service`] finds its rules in the snapshot
//! that [`rules`] keeps, and charges all of them at once or none, in the [`table`] of this process
//! or, where instances share one, in a store ([`shared`]); the [`model::Ruling`] goes back with
//! [`headers`].
//!
//! The algorithms are pure, one file each, behind [`algorithm`]: [`token_bucket`],
//! [`leaking_bucket`], [`fixed_window`], [`sliding_log`], [`sliding_counter`] with [`sub_windows`],
//! [`gcra`] under the buckets, and [`concurrency`]. [`windowed`] packs a count into a word.
//!
//! Beside them: [`rule_files`] reads the files again each second, and `rule_metrics` shows what
//! their rules did; [`over_cache`] and [`permits`] spare the store; [`deferred`] keeps requests for
//! later; [`recording`] lets a candidate for a rule file be tried on the latest decisions;
//! [`offenders`] names who is denied most; [`descriptors`] tells of an HTTP request what a rule may
//! match, and `admission` is the short way of one that passes; [`middleware`] is the gate as a
//! layer of tower.
//!
//! A key is a keyed hash of who asks, so nothing of a caller is kept. The mechanisms read no clock
//! and do no I/O, and a decision reads the clock once.

mod address_text;
mod admission;
pub mod algorithm;
pub mod answer;
pub mod concurrency;
pub mod deferred;
pub mod descriptors;
pub mod fixed_window;
pub mod gate;
pub mod gcra;
pub mod grpc;
pub mod headers;
pub mod http;
pub mod leaking_bucket;
pub mod middleware;
pub mod model;
pub mod offenders;
pub mod over_cache;
pub mod permits;
mod plan;
pub mod recording;
pub mod resp;
pub mod rule_files;
mod rule_metrics;
pub mod rules;
pub mod service;
pub mod settings;
pub mod shared;
pub mod sliding_counter;
pub mod sliding_log;
pub mod sub_windows;
mod system;
pub mod table;
pub mod token_bucket;
pub mod windowed;

pub use settings::{Section, Settings};
pub use system::Limiters;
