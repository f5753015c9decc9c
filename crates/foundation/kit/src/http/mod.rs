//! What every HTTP front door needs, written once.
//!
//! In the order a request meets them:
//!
//! - [`listener`]: an address with its limits; [`tls`] on it, the [`drain`] that ends it, the
//!   [`faults`] that a user's tests set for it. [`Handler`] is what it serves.
//! - [`address`], [`body`], [`json`]: a request becomes values, or a problem that says where it is
//!   wrong.
//! - [`cursor`]: lists are read in pages, from where the last one ended.
//! - [`problem`]: every error is a problem document.
//!
//! It knows no route and no system; credentials are `kit::auth`'s.

mod activity;
pub mod address;
pub mod body;
mod connection;
pub mod cursor;
pub mod drain;
pub mod faults;
pub mod json;
pub mod listener;
pub mod problem;
mod roster;
pub mod tls;
mod turn_away;

pub use body::BodyLimit;
pub use connection::{BoxFuture, Handler, Peer, Response, Routed};
pub use cursor::{Cursor, Page, PageQuery};
pub use drain::{Drain, DrainTrigger};
pub use faults::Faults;
pub use json::{Json, Path, Query};
pub use listener::{Bind, BindError, Bound, bind};
pub use problem::Problem;
pub use tls::{Tls, TlsError};
