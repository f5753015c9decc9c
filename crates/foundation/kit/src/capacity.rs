//! To come: capacity.
