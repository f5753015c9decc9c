//! Ids through the service: on SQLite, and with several processes on PostgreSQL when
//! `BACKPLANE_TEST_POSTGRES` names a server.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "what was skipped is told")]

mod clocks;
mod restarts;
mod support;
mod tickets;
mod verbs;
mod workers;
