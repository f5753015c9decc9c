//! The service without its front doors: on SQLite, and with several processes on PostgreSQL when
//! `BACKPLANE_TEST_POSTGRES` names a server.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "what was skipped or measured is told")]

mod click_runs;
mod codes_by_number;
mod expiry;
mod hashes;
mod invariants;
mod processes;
mod ranges;
mod support;
mod zipf;
