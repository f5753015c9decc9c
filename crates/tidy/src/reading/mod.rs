//! A file as its readers see it: what is code, what is said about it, what belongs to what.

pub(crate) mod command_line;
pub(crate) mod crates;
pub(crate) mod functions;
pub(crate) mod lexer;
pub(crate) mod markdown;
pub(crate) mod modules;
pub(crate) mod ratchet;
pub(crate) mod rust;
pub(crate) mod shell;
pub(crate) mod words;
