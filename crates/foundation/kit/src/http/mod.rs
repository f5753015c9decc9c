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

pub mod address;
pub mod body;
pub mod cursor;
pub mod json;
pub mod problem;

pub use body::BodyLimit;
pub use cursor::{Cursor, Page, PageQuery};
pub use json::{Json, Path, Query};
pub use problem::Problem;
