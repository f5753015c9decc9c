//! A credential becomes a [`Principal`] and a namespace.
//!
//! - [`Scopes`]: what a principal may do, as patterns over `system:action`; nothing by default.
//! - [`Auth::known`], [`Auth::authenticate`]: bearer token, API key or `Basic` to a principal.
//! - [`NewToken`], [`NewUser`], [`Login`], [`Role`]: each change with its audit row.
//! - [`password`]: argon2id for whoever stores a password.
//! - [`jwt`]: JWTs of one other issuer, taken as bearer tokens.
//! - [`oauth`]: our own tokens, issued to programs with a user's consent.
//! - [`policy`]: rules over attributes, for services that decide by more than scopes.
//! - [`sigv4`]: requests signed the AWS way, recognised and verified.
//!
//! Invariants:
//! - Of a token only its SHA-256 is stored, of a password its argon2id; no text of either is in
//!   any error, `Debug` or log.
//! - Nobody gives away a scope that they do not have.
//! - What a user's token may do is cut to what the user's roles allow today.
//! - A revocation or a change of a role is in force when the call that made it returns.
//!
//! Decides no question of a service: a front door passes the principal on, and the service asks
//! [`Principal::require`].

mod attempts;
mod audit;
mod bootstrap;
mod credential;
mod error;
pub mod jwt;
mod live;
mod login;
mod lookup;
pub mod oauth;
pub mod password;
pub mod policy;
mod principal;
mod roles;
mod scopes;
mod secret;
pub mod sigv4;
mod token;
mod tokens;
mod users;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use http::HeaderMap;
use parking_lot::Mutex;

pub use audit::{Act, AuditPage, AuditRow};
pub use error::AuthError;
pub use login::{Login, Session};
pub use principal::{Kind, Principal};
pub use roles::{ADMIN_ROLE, Role};
pub use scopes::{BadScopes, PATTERNS_MAX, Scopes};
pub use secret::Secret;
pub use token::{ID_LENGTH as TOKEN_ID_LENGTH, PREFIX as TOKEN_PREFIX};
pub use tokens::{NewToken, Purpose, TokenCursor, TokenInfo, TokenPage};
pub use users::{NewUser, UserInfo, UserPage};

use crate::clock::{Clock, Timestamp};
use crate::entropy::Entropy;
use crate::sql::{Db, Migration};
use attempts::Attempts;
use credential::{Basic, Credential, credential};
use live::{Entry, Live};
use token::Digest;

/// The commented defaults of the section `auth`.
pub const DEFAULT_SETTINGS: &str = include_str!("default.toml");
/// The published S3-style access key of `backplane dev`.
pub const DEV_ACCESS_KEY: &str = "BACKPLANEDEV00000000";
/// The secret that belongs to [`DEV_ACCESS_KEY`].
pub const DEV_SECRET_KEY: &str = "backplane-dev-secret-key-never-in-serve0";
/// The published bearer token of `backplane dev`; `dev-NAMESPACE` is that of a namespace.
pub const DEV_TOKEN: &str = "dev";

/// How long a process that shares its store may go by what it read before.
const SHARED_AGE_MAX: Duration = Duration::from_secs(5);

/// Which credentials count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The published tokens work beside the stored ones.
    Dev,
    /// Only stored credentials work.
    Serve,
}

/// What [`Auth`] is opened with.
#[derive(Clone, Copy, Debug)]
pub struct AuthSettings {
    /// See [`Mode`].
    pub mode: Mode,
    /// Whether a request without a credential is served, as [`Principal::anonymous`].
    pub anonymous: bool,
}

/// The credentials of one house, cheap to clone.
#[derive(Clone)]
pub struct Auth(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Clock,
    entropy: Entropy,
    settings: AuthSettings,
    anonymous: Arc<Principal>,
    live: Live,
    attempts: Mutex<Attempts>,
    /// Whose JWTs count beside our own tokens.
    issuer: ArcSwapOption<jwt::Issuer>,
    /// Of the digests that proved passwords are kept under; never stored.
    salt: [u8; 16],
}

impl Auth {
    /// The tables that [`Auth::open`] expects in its database.
    pub const MIGRATIONS: &'static [Migration] = &[
        Migration { number: 1, name: "auth", sql: include_str!("../../migrations/auth_001.sql") },
        Migration { number: 2, name: "oauth", sql: include_str!("../../migrations/auth_002.sql") },
    ];

    /// Ready at once: nothing is read or hashed before the first credential arrives.
    pub fn open(db: Db, clock: Clock, entropy: Entropy, settings: AuthSettings) -> Self {
        let inner = Inner {
            live: Live::new(db.embedded().is_none().then_some(SHARED_AGE_MAX)),
            anonymous: Arc::new(Principal::anonymous()),
            attempts: Mutex::default(),
            issuer: ArcSwapOption::empty(),
            salt: entropy.bytes16(),
            db,
            clock,
            entropy,
            settings,
        };
        Self(Arc::new(inner))
    }

    /// Takes the JWTs of `issuer` from now on, and of no other.
    pub fn trust(&self, issuer: jwt::Issuer) {
        self.0.issuer.store(Some(Arc::new(issuer)));
        self.0.live.forget_all();
    }

    /// Reads the keys of the trusted issuer again. A token of a key that is gone is refused once
    /// this returns.
    ///
    /// # Errors
    /// When they cannot be read; then those in use stay in use.
    pub fn reload_keys(&self) -> Result<(), jwt::JwtError> {
        let issuer = self.0.issuer.load();
        if let Some(issuer) = &*issuer
            && issuer.reload()?
        {
            self.0.live.forget_all();
        }
        Ok(())
    }

    /// Whether a request has something that could be a credential.
    pub fn has_credential(headers: &HeaderMap) -> bool {
        headers.contains_key(http::header::AUTHORIZATION) || headers.contains_key("x-api-key")
    }

    /// The principal of a request whose credential was seen before, or that needs none. Neither
    /// waits nor reads; none means: ask [`Auth::authenticate`].
    pub fn known(&self, headers: &HeaderMap) -> Option<Arc<Principal>> {
        match credential(headers).ok()? {
            Credential::Absent => self.anonymous().ok(),
            Credential::Token(token) => self.known_token(&token.0),
            Credential::Basic(basic) if self.is_token(&basic) => {
                self.known_token(basic.password.expose())
            }
            Credential::Basic(basic) => self.known_basic(&basic),
        }
    }

    /// The principal of a request, from `Authorization: Bearer`, `Basic` (a user's name and
    /// password, or anything and a token) or `X-Api-Key`.
    ///
    /// # Errors
    /// [`AuthError::Missing`], [`AuthError::Malformed`], [`AuthError::Unknown`],
    /// [`AuthError::Expired`], [`AuthError::Revoked`], [`AuthError::Jwt`],
    /// [`AuthError::TooMany`], [`AuthError::Store`].
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Arc<Principal>, AuthError> {
        self.authenticate_from(headers, None).await
    }

    /// As [`Auth::authenticate`], counting wrong passwords against the address that they come
    /// from too.
    ///
    /// # Errors
    /// As [`Auth::authenticate`].
    pub async fn authenticate_from(
        &self,
        headers: &HeaderMap,
        source: Option<IpAddr>,
    ) -> Result<Arc<Principal>, AuthError> {
        match credential(headers)? {
            Credential::Absent => self.anonymous(),
            Credential::Token(token) => self.principal_of_token(&token.0).await,
            Credential::Basic(basic) if self.is_token(&basic) => {
                self.principal_of_token(basic.password.expose()).await
            }
            Credential::Basic(basic) => self.principal_of_basic(basic, source).await,
        }
    }

    /// The principal of a token that came in a place of its protocol's own.
    ///
    /// # Errors
    /// As [`Auth::authenticate`].
    pub async fn principal_of_token(&self, token: &str) -> Result<Arc<Principal>, AuthError> {
        if let Some(principal) = self.known_token(token) {
            return Ok(principal);
        }
        let (digest, now) = (Digest::of(token), self.0.clock.now());
        if let Some(issuer) = &*self.0.issuer.load()
            && jwt::is_meant(token)
        {
            return self.principal_of_jwt(issuer, token, digest, now);
        }
        let id = token::id_of(token)?.to_owned();
        let generation = self.0.live.generation();
        let find = move |tx: &mut crate::sql::Tx<'_>| lookup::find(tx, &id, &digest, now);
        let entry = Arc::new(self.0.db.read(find).await?);
        self.0.live.keep(generation, digest, Arc::clone(&entry));
        self.touch_when_due(&entry, now);
        Ok(Arc::clone(&entry.principal))
    }

    /// Kept like any other once it verified, until its own end.
    fn principal_of_jwt(
        &self,
        issuer: &jwt::Issuer,
        token: &str,
        digest: Digest,
        now: Timestamp,
    ) -> Result<Arc<Principal>, AuthError> {
        let generation = self.0.live.generation();
        let (principal, end) = issuer.principal(token, now)?;
        let principal = Arc::new(principal);
        let kept = Arc::clone(&principal);
        let entry = Entry { principal: kept, expires_at: Some(end), read_at: now, token: None };
        self.0.live.keep(generation, digest, Arc::new(entry));
        Ok(principal)
    }

    /// As [`Auth::known`], for a token that came in a place of its protocol's own.
    pub fn known_token(&self, token: &str) -> Option<Arc<Principal>> {
        let (digest, now) = (Digest::of(token), self.0.clock.now());
        let Some(entry) = self.0.live.get(&digest, now) else {
            return self.dev_principal(token, digest, now);
        };
        self.touch_when_due(&entry, now);
        Some(Arc::clone(&entry.principal))
    }

    /// Whether what came as a password has the form of a token that could count here.
    fn is_token(&self, basic: &Basic) -> bool {
        let password = basic.password.expose();
        let dev = self.0.settings.mode == Mode::Dev && principal::dev_namespace(password).is_some();
        dev || token::is_meant(password)
    }

    fn anonymous(&self) -> Result<Arc<Principal>, AuthError> {
        if self.0.settings.anonymous {
            return Ok(Arc::clone(&self.0.anonymous));
        }
        Err(AuthError::Missing)
    }

    fn dev_principal(&self, token: &str, digest: Digest, now: Timestamp) -> Option<Arc<Principal>> {
        if self.0.settings.mode != Mode::Dev {
            return None;
        }
        let principal = Arc::new(Principal::dev(principal::dev_namespace(token)?));
        let entry = Entry {
            principal: Arc::clone(&principal),
            expires_at: None,
            read_at: now,
            token: None,
        };
        self.0.live.keep(self.0.live.generation(), digest, Arc::new(entry));
        Some(principal)
    }

    /// Stores the time of use, at most once an hour a token, without making the caller wait. A
    /// failure costs nothing but that time.
    fn touch_when_due(&self, entry: &Entry, now: Timestamp) {
        let Some(id) = entry.due_for_touch(now) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (db, id) = (self.0.db.clone(), id.to_owned());
        runtime.spawn(async move {
            let touched = db.write(move |tx| lookup::touch(tx, &id, now)).await;
            if let Err(error) = touched {
                tracing::debug!(%error, "the time of a token's last use was not stored");
            }
        });
    }
}
