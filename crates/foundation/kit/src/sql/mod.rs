//! To come: sql.
