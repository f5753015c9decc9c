//! What every HTTP front door needs, written once.
//!
//! In the order a request meets them:
//!
//! - [`Http`]: HTTP/1 and HTTP/2 on the connections of a [`crate::net`] listener; [`Handler`] is
//!   what answers.
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
pub mod address;
pub mod body;
mod connection;
pub mod cors;
pub mod cursor;
pub mod json;
pub mod layers;
pub mod openapi;
pub mod problem;
pub mod request_id;
#[cfg(test)]
mod tests;

pub use crate::net::Peer;
pub use access::{Answered, Observer};
pub use body::BodyLimit;
pub use connection::{BoxFuture, Handler, Http, Response, Routed};
pub use cors::{CorsOrigins, NotAnOrigin};
pub use cursor::{Cursor, Page, PageQuery};
pub use hyper::body::Incoming;
pub use json::{Json, Path, Query};
pub use layers::{HandlerTime, LayerSettings, layers};
pub use problem::Problem;
pub use request_id::RequestId;
