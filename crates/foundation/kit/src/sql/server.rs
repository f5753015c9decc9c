//! Which PostgreSQL server, and how a session with it begins.
//!
//! `sslmode` and `sslrootcert` of the URL mean what they mean to PostgreSQL's own clients
//! (postgresql.org/docs/current/libpq-ssl.html), with the machine's roots where no file is named:
//!
//! | `sslmode` | TLS | certificate |
//! |---|---|---|
//! | `disable` | never | |
//! | `prefer`, the default | if the server has it | not judged |
//! | `require` | always | not judged; with `sslrootcert`, as `verify-ca` |
//! | `verify-ca` | always | signed by a root |
//! | `verify-full` | always | signed by a root, for the URL's host |

mod encrypted;

use std::sync::Arc;

use percent_encoding::percent_decode_str;
use postgres::config::SslMode;
use postgres::{Client, NoTls};
use rustls::ClientConfig;

use super::SqlError;
use super::error::with_causes;
use crate::trust::{Roots, Trust};
use encrypted::Encrypted;

/// A server as a URL names it.
pub(super) struct Server {
    /// Holds a password: never to be printed.
    url: String,
    config: postgres::Config,
    tls: Option<Arc<ClientConfig>>,
}

impl Server {
    /// Reads a URL, or refuses it with the part that is wrong. Reads the root certificates too.
    pub(super) fn named(url: &str) -> Result<Self, SqlError> {
        let (plain, wishes) = TlsWishes::taken_from(url)?;
        let mut config: postgres::Config = plain
            .parse()
            .map_err(|error: postgres::Error| SqlError::BadUrl(with_causes(&error)))?;
        config.ssl_mode(wishes.mode);
        let tls = wishes.trust.map(|trust| trust.config()).transpose();
        let tls = tls.map_err(|error| SqlError::BadUrl(format!("sslrootcert: {error}")))?;
        Ok(Self { url: url.to_owned(), config, tls })
    }

    /// What tells it from other servers.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// A new session. Blocks.
    pub(super) fn connect(&self) -> Result<Client, SqlError> {
        let connected = match &self.tls {
            Some(tls) => self.config.connect(Encrypted::by(tls)).or_else(|error| {
                // The server may speak a TLS that is too old.
                let prefers = self.config.get_ssl_mode() == SslMode::Prefer;
                let is_answer = error.as_db_error().is_some();
                if prefers && !is_answer { self.config.connect(NoTls) } else { Err(error) }
            }),
            None => self.config.connect(NoTls),
        };
        connected.map_err(|error| SqlError::Unavailable(with_causes(&error)))
    }
}

/// What a URL says about TLS.
#[derive(Debug, PartialEq, Eq)]
struct TlsWishes {
    mode: SslMode,
    trust: Option<Trust>,
}

impl TlsWishes {
    /// The URL without what it says about TLS, which `postgres` does not understand, and that.
    fn taken_from(url: &str) -> Result<(String, Self), SqlError> {
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut mode, mut roots, mut others) = (None, None, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = || percent_decode_str(value).decode_utf8_lossy().into_owned();
            match key {
                "sslmode" => mode = Some(value()),
                "sslrootcert" => roots = Some(value()),
                _ => others.push(pair),
            }
        }
        let plain = match others.is_empty() {
            true => address.to_owned(),
            false => format!("{address}?{}", others.join("&")),
        };
        let roots = roots.map(|roots| match roots.as_str() {
            "system" => Roots::System,
            path => Roots::File(path.into()),
        });
        Ok((plain, Self::of(mode.as_deref().unwrap_or("prefer"), roots)?))
    }

    fn of(mode: &str, roots: Option<Roots>) -> Result<Self, SqlError> {
        let (mode, trust) = match (mode, roots) {
            ("disable", _) => (SslMode::Disable, None),
            ("prefer", _) => (SslMode::Prefer, Some(Trust::Anybody)),
            ("require", None) => (SslMode::Require, Some(Trust::Anybody)),
            ("require", Some(roots)) => (SslMode::Require, Some(Trust::Signed(roots))),
            ("verify-ca", roots) => {
                (SslMode::Require, Some(Trust::Signed(roots.unwrap_or(Roots::System))))
            }
            ("verify-full", roots) => {
                (SslMode::Require, Some(Trust::Named(roots.unwrap_or(Roots::System))))
            }
            (other, _) => {
                let what = "use disable, prefer, require, verify-ca or verify-full";
                return Err(SqlError::BadUrl(format!("sslmode={other}: {what}")));
            }
        };
        Ok(Self { mode, trust })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> (String, TlsWishes) {
        TlsWishes::taken_from(&format!("postgres://u:p@db.example/links{query}")).unwrap()
    }

    #[test]
    fn modes_mean_what_they_mean_to_other_clients() {
        let file = || Roots::File("/etc/my roots.pem".into());
        let named = "&sslrootcert=/etc/my%20roots.pem";
        for (query, mode, trust) in [
            ("", SslMode::Prefer, Some(Trust::Anybody)),
            ("?sslmode=disable", SslMode::Disable, None),
            ("?sslmode=require", SslMode::Require, Some(Trust::Anybody)),
            (&format!("?sslmode=require{named}"), SslMode::Require, Some(Trust::Signed(file()))),
            ("?sslmode=verify-ca", SslMode::Require, Some(Trust::Signed(Roots::System))),
            (&format!("?sslmode=verify-full{named}"), SslMode::Require, Some(Trust::Named(file()))),
            (
                "?sslrootcert=system&sslmode=verify-full",
                SslMode::Require,
                Some(Trust::Named(Roots::System)),
            ),
        ] {
            let (plain, wishes) = read(query);
            assert_eq!(wishes, TlsWishes { mode, trust }, "{query}");
            assert_eq!(plain, "postgres://u:p@db.example/links", "{query}");
        }
    }

    #[test]
    fn what_is_not_about_tls_stays() {
        let (plain, _) = read("?connect_timeout=5&sslmode=require&application_name=a%20b");
        let wanted = "postgres://u:p@db.example/links?connect_timeout=5&application_name=a%20b";
        assert_eq!(plain, wanted);
    }

    #[test]
    fn unknown_values_are_refused_by_name() {
        let refusal = |url: &str| Server::named(url).err().unwrap().to_string();
        let mode = refusal("postgres://db/x?sslmode=allow");
        assert!(mode.contains("sslmode=allow: use disable, prefer"), "{mode}");
        let file = refusal("postgres://db/x?sslmode=verify-full&sslrootcert=/nowhere/ca.pem");
        assert!(file.contains("sslrootcert: ") && file.contains("/nowhere/ca.pem"), "{file}");
        let key = refusal("postgres://db/x?sslcert=/mine.pem");
        assert!(key.contains("sslcert"), "{key}");
    }
}
