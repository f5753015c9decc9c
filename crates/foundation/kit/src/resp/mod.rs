//! Redis's protocol, RESP2 and RESP3, on the connections of a [`crate::net`] listener.
//!
//! - [`request`]: bytes become commands, as arrays of bulk strings or as a line of words.
//! - [`reply`]: what a command answers, in the version that the client speaks.
//! - [`session`]: what every client asks of a connection: `AUTH`, `HELLO`, `PING` and their like.
//! - [`Commands`]: the commands of one system. [`Resp`] serves them.
//!
//! Cost of a command: no allocation beyond the system's own. All commands that one read brought are
//! run in order, and their replies leave in one write, so a pipeline of n costs two system calls.
//!
//! Source: redis.io/docs/latest/develop/reference/protocol-spec; texts of errors as Redis 7 has
//! them.

mod commands;
mod connection;
pub mod reply;
pub mod request;
mod session;

pub use commands::{Arity, Command, Commands, Ran, Spec};
pub use connection::Resp;
pub use reply::Reply;
pub use request::{RequestError, RequestLimits};
