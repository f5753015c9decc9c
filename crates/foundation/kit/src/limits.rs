//! To come: limits.
