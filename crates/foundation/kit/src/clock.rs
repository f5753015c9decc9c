//! To come: clock.
