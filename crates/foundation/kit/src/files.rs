//! To come: files.
