//! The house through its doors: the real binary, its command line, its files and its sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod copies;
mod disk;
mod ids;
mod jwt;
mod kill;
mod limits;
mod links;
mod oauth;
mod peers;
mod refusals;
mod stop;
mod stopped;
mod support;
mod tls;
mod tokens;
mod visits;
