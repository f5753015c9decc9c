//! What can stop a run, in words that say what to do.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::http::HttpError;

/// A reason to end without figures. Wrong answers are no such reason: they are counted, reported,
/// and turn the exit status to 1.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// An address that is no loopback HTTP address.
    #[error("{url}: {reason}")]
    Target {
        /// The address as given.
        url: String,
        /// What is wrong with it and what to give instead.
        reason: &'static str,
    },
    /// Two options that exclude each other, or one that misses another.
    #[error("{0}")]
    Usage(String),
    /// Nobody listens, or the machine refuses more connections.
    #[error("cannot connect to {address}: {source}; is the server running?")]
    Connect {
        /// Where the connection went.
        address: SocketAddr,
        /// The system's answer.
        source: HttpError,
    },
    /// A Kafka broker that does not answer, or not as the protocol says.
    #[error("{address}: {reason}")]
    Broker {
        /// Where it should listen.
        address: SocketAddr,
        /// What went wrong, and what to look at.
        reason: String,
    },
    /// An exchange outside the measured part failed.
    #[error("{what}: {source}")]
    Exchange {
        /// What was asked for.
        what: String,
        /// How it failed.
        source: HttpError,
    },
    /// The server answered, but not as the workload needs.
    #[error("{what}: {answer}")]
    Unexpected {
        /// What was asked for.
        what: String,
        /// What came back.
        answer: String,
    },
    /// A file or process operation of the generator itself failed.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A program under test or a tool ended, hung or said something unknown.
    #[error("{program}: {reason}")]
    Program {
        /// The program's path or name.
        program: PathBuf,
        /// What it did, with the end of its log.
        reason: String,
    },
    /// A thread of the generator died.
    #[error("a generator thread panicked; this is a bug of backplane-bench")]
    Thread,
}

impl BenchError {
    /// Wraps an I/O error with what was tried, for use in `map_err`.
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }

    /// Wraps the failed start of `program` with the Debian package that has it, for use in
    /// `map_err`.
    pub(crate) fn missing<E: Display>(program: &str, package: &str) -> impl FnOnce(E) -> Self {
        let (program, package) = (PathBuf::from(program), package.to_owned());
        move |error| {
            let reason = format!("{error}; install it with: apt-get install {package}");
            Self::Program { program, reason }
        }
    }

    /// Wraps a failed exchange with what was asked for, for use in `map_err`.
    pub(crate) fn exchange(what: impl Into<String>) -> impl FnOnce(HttpError) -> Self {
        let what = what.into();
        move |source| Self::Exchange { what, source }
    }
}
