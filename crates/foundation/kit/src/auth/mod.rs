//! To come: auth.
