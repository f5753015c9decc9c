//! What every system is built with, and knows nothing of any system.
//!
//! In the order a request meets them:
//!
//! - [`config`]: defaults, file, environment and flags become one checked table.
//! - [`net`]: listeners with TLS, limits, faults and drain, for every protocol.
//! - [`http`]: HTTP on them; problem documents; pages. [`resp`]: Redis's protocol on them.
//! - [`idempotency`]: a write repeated under one key is done once.
//! - [`auth`]: a credential becomes a [`auth::Principal`] and a namespace.
//! - [`door`]: whose request it is, and which namespace answers.
//! - [`system`]: what a system is, and the [`system::Ctx`] that it is opened with.
//! - [`namespace`]: one directory of state for every system; created, forked, reset, dropped.
//! - [`sql`]: retriable transactions on SQLite or PostgreSQL; the outbox.
//! - [`files`]: immutable files and tails, and the barrier that makes a fork consistent.
//! - [`documents`]: a folder of small text files that a system reads again while it runs.
//! - [`disk`], [`machine`]: the files and threads of stores, and where a simulation takes over.
//! - [`clock`], [`entropy`]: the only places that read the machine's time and randomness;
//!   [`clock_sync`]: how well that time is kept.
//! - [`ids`]: a port that one engine answers for the other systems of a namespace.
//! - [`invariant`]: what holds at any time, by name.
//! - [`worker`]: background work, named and ended in order.
//! - [`telemetry`]: metrics, logs and traces.
//! - [`trust`]: which servers are believed when connecting by TLS.
//! - [`limits`]: token buckets by key; [`memory`]: what the allocator may keep.
//! - [`capacity`]: what an availability target and a load assumption come to.
//!
//! It never names an engine or a service, and no rule of a system lives here.

pub mod auth;
pub mod capacity;
pub mod clock;
pub mod clock_sync;
pub mod config;
pub mod disk;
pub mod documents;
pub mod door;
pub mod entropy;
pub mod files;
pub mod http;
pub mod idempotency;
pub mod ids;
pub mod invariant;
pub mod limits;
pub mod machine;
pub mod memory;
pub mod namespace;
pub mod net;
pub mod resp;
pub mod sql;
pub mod system;
pub mod telemetry;
pub mod trust;
pub mod worker;
