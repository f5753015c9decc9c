//! The configured issuer with its keys as they were last read.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::algorithm::Algorithm;
use super::claims::Expected;
use super::grant::Grant;
use super::jwks::KeySet;
use super::jws::Jws;
use super::{JwtError, JwtRefusal, JwtSection};
use crate::auth::{Principal, Scopes};
use crate::clock::Timestamp;

/// Bytes of a key set: 64 keys of any kind fit many times over.
const KEYS_BYTES_MAX: u64 = 1 << 20;
/// More would be no leeway but another lifetime.
const LEEWAY_MAX_SECONDS: u64 = 600;

/// Whose JWTs count, and for what.
#[derive(Debug)]
pub struct Issuer {
    algorithms: Vec<Algorithm>,
    expected: Expected,
    grant: Grant,
    keys_path: PathBuf,
    keys: ArcSwap<Keys>,
}

#[derive(Debug)]
struct Keys {
    /// As it was read, to notice a change.
    text: Vec<u8>,
    set: KeySet,
}

impl Issuer {
    /// Checks the settings and reads the keys; none when no issuer is configured.
    ///
    /// # Errors
    /// A setting that cannot be, or a key set that cannot be read; it names the setting.
    pub fn load(section: JwtSection) -> Result<Option<Self>, JwtError> {
        if section.issuer.is_empty() {
            return Ok(None);
        }
        let wrong = |setting, reason: String| JwtError::Setting { setting, reason };
        if section.audience.is_empty() {
            let reason = "say whom the tokens must be for: an empty one would be anyone's";
            return Err(wrong("audience", reason.to_owned()));
        }
        if section.leeway_seconds > LEEWAY_MAX_SECONDS {
            return Err(wrong("leeway_seconds", format!("at most {LEEWAY_MAX_SECONDS}")));
        }
        let algorithms = section.algorithms.iter().map(|name| {
            let known = Algorithm::names();
            Algorithm::named(name)
                .ok_or_else(|| wrong("algorithms", format!("{name:?} is none of {known}")))
        });
        let algorithms = algorithms.collect::<Result<Vec<_>, _>>()?;
        let scopes: Scopes = section
            .scopes
            .join(" ")
            .parse()
            .map_err(|error: crate::auth::BadScopes| wrong("scopes", error.to_string()))?;
        Ok(Some(Self {
            algorithms,
            expected: Expected {
                issuer: section.issuer,
                audience: section.audience,
                leeway: Duration::from_secs(section.leeway_seconds),
            },
            grant: Grant {
                scopes,
                scope_claim: section.scope_claim,
                namespace_claim: section.namespace_claim,
            },
            keys: ArcSwap::from_pointee(read(&section.keys_path)?),
            keys_path: section.keys_path,
        }))
    }

    /// Reads the keys again, and tells whether they are others now.
    ///
    /// # Errors
    /// As [`Issuer::load`]; then the keys in use stay in use.
    pub(in crate::auth) fn reload(&self) -> Result<bool, JwtError> {
        let keys = read(&self.keys_path)?;
        if keys.text == self.keys.load().text {
            return Ok(false);
        }
        self.keys.store(Arc::new(keys));
        Ok(true)
    }

    /// The principal of a token, and until when it counts.
    ///
    /// # Errors
    /// The first check that failed.
    pub(in crate::auth) fn principal(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<(Principal, Timestamp), JwtRefusal> {
        let jws = Jws::read(token)?;
        let algorithm = Algorithm::named(&jws.header.alg);
        let algorithm = algorithm.filter(|known| self.algorithms.contains(known));
        let algorithm = algorithm.ok_or(JwtRefusal::Algorithm)?;
        let meant = (jws.header.kid.as_deref(), algorithm);
        self.keys.load().set.verify(meant, jws.signed, &jws.signature)?;
        let claims = jws.claims()?;
        let end = self.expected.check(&claims, now)?;
        Ok((self.grant.principal(&claims)?, end))
    }
}

fn read(path: &Path) -> Result<Keys, JwtError> {
    let failed = |reason: String| JwtError::Keys { path: path.to_owned(), reason };
    let mut text = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| failed(error.to_string()))?;
    file.take(KEYS_BYTES_MAX + 1)
        .read_to_end(&mut text)
        .map_err(|error| failed(error.to_string()))?;
    if text.len() as u64 > KEYS_BYTES_MAX {
        return Err(failed(format!("it has more than {KEYS_BYTES_MAX} bytes")));
    }
    let set = KeySet::read(&text).map_err(failed)?;
    Ok(Keys { text, set })
}
