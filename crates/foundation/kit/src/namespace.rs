//! To come: namespace.
