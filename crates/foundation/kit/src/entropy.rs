//! To come: entropy.
