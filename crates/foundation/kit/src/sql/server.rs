//! Which PostgreSQL server, and how a session with it begins.

use postgres::{Client, NoTls};

use super::SqlError;

/// A server as a URL names it.
pub(super) struct Server {
    /// Holds a password: never to be printed.
    url: String,
    config: postgres::Config,
}

impl Server {
    /// Reads a URL, or refuses it with the part that is wrong.
    pub(super) fn named(url: &str) -> Result<Self, SqlError> {
        let config =
            url.parse().map_err(|error| SqlError::Invalid(format!("database URL: {error}")))?;
        Ok(Self { url: url.to_owned(), config })
    }

    /// What tells it from other servers.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// A new session. Blocks.
    pub(super) fn connect(&self) -> Result<Client, SqlError> {
        self.config.connect(NoTls).map_err(|error| SqlError::Unavailable(error.to_string()))
    }
}
