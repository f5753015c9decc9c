//! Namespaces, to come.

mod name;

pub use name::{BadName, NAME_BYTES_MAX, NamespaceName};
