//! To come: system.
