//! The doors that speak as other shorteners, without a listener in front.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bitly;
mod exchange;
mod shlink;
mod support;
mod yourls;
