//! Listeners, written once for every protocol.
//!
//! - [`listener`]: an address with its limits. A [`Protocol`] is what is spoken on its connections.
//! - [`tls`] on it, the [`drain`] that ends it, the [`faults`] that a user's tests set for it.
//!
//! It knows no protocol: `kit::http` and `kit::resp` are two.

pub mod activity;
mod by_address;
pub mod drain;
pub mod faults;
pub mod listener;
mod roster;
pub mod tls;
mod turn_away;

pub use activity::Activity;
pub use by_address::AddressLimits;
pub use drain::{Drain, DrainTrigger};
pub use faults::Faults;
pub use listener::{Bind, BindError, BindReason, Bound, Connection, Peer, Protocol, bind};
pub use tls::{Tls, TlsError};
