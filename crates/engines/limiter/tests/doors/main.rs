//! The limiter through its front doors, on a store of its own; with a shared store where
//! BACKPLANE_TEST_REDIS names one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "what was skipped or measured is told")]

mod decisions;
mod grpc;
mod later;
mod middleware;
mod resp;
mod rules;
mod shared;
mod support;
