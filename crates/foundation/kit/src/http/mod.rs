//! What every HTTP front door needs, written once.
//!
//! In the order a request meets them:
//!
//! - [`listener`]: an address with its limits; [`tls`] on it, the [`drain`] that ends it, the
//!   [`faults`] that a user's tests set for it. [`Handler`] is what it serves.
//! - [`mod@layers`]: around every router: [`request_id`], [`access`] log, time limit, panics,
//!   compression, [`cors`].
//! - [`address`], [`body`], [`json`]: a request becomes values, or a problem that says where it is
//!   wrong.
//! - [`cursor`]: lists are read in pages, from where the last one ended.
//! - [`problem`]: every error is a problem document.
//! - [`openapi`]: one document from those of the systems.
//!
//! It knows no route and no system; credentials are `kit::auth`'s.

pub mod access;
mod activity;
pub mod address;
pub mod body;
mod connection;
pub mod cors;
pub mod cursor;
pub mod drain;
pub mod faults;
pub mod json;
pub mod layers;
pub mod listener;
pub mod openapi;
pub mod problem;
pub mod request_id;
mod roster;
#[cfg(test)]
mod tests;
pub mod tls;
mod turn_away;

pub use access::{Answered, Observer};
pub use body::BodyLimit;
pub use connection::{BoxFuture, Handler, Peer, Response, Routed};
pub use cors::{CorsOrigins, NotAnOrigin};
pub use cursor::{Cursor, Page, PageQuery};
pub use drain::{Drain, DrainTrigger};
pub use faults::Faults;
pub use hyper::body::Incoming;
pub use json::{Json, Path, Query};
pub use layers::{HandlerTime, LayerSettings, layers};
pub use listener::{Bind, BindError, BindReason, Bound, bind};
pub use problem::Problem;
pub use request_id::RequestId;
pub use tls::{Tls, TlsError};
