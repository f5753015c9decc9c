//! A password becomes a session, or proves one request.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::attempts::Key;
use super::audit::{self, Act};
use super::credential::Basic;
use super::live::Entry;
use super::lookup;
use super::password::{self, Turn};
use super::token::{self, Digest};
use super::tokens::{self, Purpose, TokenInfo};
use super::users::checked_name;
use super::{Auth, AuthError, Kind, Principal, Scopes, Secret};
use crate::clock::Timestamp;
use crate::sql::{SqlError, Tx};

/// How long a session lasts.
const SESSION_FOR: Duration = Duration::from_secs(12 * 3_600);

/// An attempt to log in.
#[derive(Clone, Debug)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: Secret,
    /// Where the attempt comes from, when the front door knows.
    pub source: Option<IpAddr>,
}

/// A user who is in.
#[derive(Clone, Debug)]
pub struct Session {
    /// A bearer token.
    pub token: Secret,
    /// Who it stands for.
    pub principal: Arc<Principal>,
    /// When it ends: 12 hours after the log-in.
    pub expires_at: Timestamp,
}

impl Auth {
    /// Makes a session for a user with the right password. Takes about 25 ms of a core, two at a
    /// time.
    ///
    /// # Errors
    /// [`AuthError::Unknown`] for an unknown or disabled user and for a wrong password alike,
    /// [`AuthError::TooMany`] after 10 failures of the user or the source in 15 minutes,
    /// [`AuthError::Store`].
    pub async fn login(&self, attempt: Login) -> Result<Session, AuthError> {
        let turn = self.turn(&attempt.user, attempt.source).await?;
        let proof = self.prove(turn, attempt.password).await?;
        let principal = Arc::clone(&proof.principal);
        let (now, (id, secret)) = (self.0.clock.now(), token::mint(&self.0.entropy));
        let expires_at = now.plus(SESSION_FOR);
        let row = session(id, &principal, now);
        let digest = Digest::of(secret.expose());
        let write = move |tx: &mut Tx<'_>| {
            if !still_holds(tx, &proof)? {
                return Err(AuthError::Unknown);
            }
            let who = &proof.principal;
            tokens::insert(tx, &row, &digest, Some(&who.id))?;
            let (subject, detail) = (who.name.clone(), String::new());
            Ok(audit::record(tx, who, &Act { action: "user.login", subject, detail, at: now })?)
        };
        self.0.db.write(write).await?;
        Ok(Session { token: secret, principal, expires_at })
    }

    /// Ends the session of this token; it is refused once this returns.
    ///
    /// # Errors
    /// [`AuthError::Invalid`] when the token is no session's, [`AuthError::Unknown`] and the like
    /// when it is no token, [`AuthError::Store`].
    pub async fn logout(&self, token: &str) -> Result<(), AuthError> {
        let principal = self.principal_of_token(token).await?;
        if principal.kind != Kind::User || principal.is_foreign() {
            let rule = "only a session logs out; revoke a token by its ID".to_owned();
            return Err(AuthError::Invalid(rule));
        }
        let (id, at) = (token::id_of(token)?.to_owned(), self.0.clock.now());
        let write = move |tx: &mut Tx<'_>| {
            tokens::revoke(tx, &id, at)?;
            let (subject, detail) = (principal.name.clone(), String::new());
            audit::record(tx, &principal, &Act { action: "user.logout", subject, detail, at })
        };
        self.0.db.write::<_, SqlError>(write).await?;
        self.0.live.forget_all();
        Ok(())
    }

    /// The principal of a name and password sent with a request, when it was proved before.
    pub(super) fn known_basic(&self, basic: &Basic) -> Option<Arc<Principal>> {
        self.known_password(&self.password_digest(&basic.user, &basic.password))
    }

    /// The principal of a name and password sent with a request. Proved once, then kept in memory
    /// under a salted digest: a client that sends them every time pays the price once.
    pub(super) async fn principal_of_basic(
        &self,
        basic: Basic,
        source: Option<IpAddr>,
    ) -> Result<Arc<Principal>, AuthError> {
        let digest = self.password_digest(&basic.user, &basic.password);
        if let Some(principal) = self.known_password(&digest) {
            return Ok(principal);
        }
        let generation = self.0.live.generation();
        let turn = self.turn(&basic.user, source).await?;
        // Many connections open with the same credential at once: the first has proved it.
        if let Some(principal) = self.known_password(&digest) {
            return Ok(principal);
        }
        let principal = self.prove(turn, basic.password).await?.principal;
        let (kept, read_at) = (Arc::clone(&principal), self.0.clock.now());
        let entry = Entry { principal: kept, expires_at: None, read_at, token: None };
        self.0.live.keep(generation, digest, Arc::new(entry));
        Ok(principal)
    }

    fn known_password(&self, digest: &Digest) -> Option<Arc<Principal>> {
        let entry = self.0.live.get(digest, self.0.clock.now())?;
        Some(Arc::clone(&entry.principal))
    }

    fn password_digest(&self, user: &str, password: &Secret) -> Digest {
        let (user, password) = (user.to_ascii_lowercase(), password.expose().as_bytes());
        Digest::of_parts(&[&self.0.salt, user.as_bytes(), password])
    }

    /// Waits in line for a look at a password, unless the user or the source has failed too often.
    pub(super) async fn turn(
        &self,
        user: &str,
        source: Option<IpAddr>,
    ) -> Result<Attempt<'_>, AuthError> {
        let user = checked_name(user).map_err(|_| AuthError::Unknown)?;
        let mut keys = vec![Key::User(user.clone())];
        keys.extend(source.map(Key::source));
        self.0.attempts.lock().check(&keys, self.0.clock.now()).map_err(too_many)?;
        Ok(Attempt { user, keys, turn: password::LINE.turn().await? })
    }

    pub(super) async fn prove(
        &self,
        attempt: Attempt<'_>,
        password: Secret,
    ) -> Result<Proof, AuthError> {
        let name = attempt.user;
        let found = self.0.db.read::<_, SqlError>(move |tx| find(tx, &name)).await?;
        let now = self.0.clock.now();
        self.0.attempts.lock().charge(&attempt.keys, now).map_err(too_many)?;
        let stored = found.as_ref().map(|proof| proof.hash.clone());
        let right = attempt.turn.verify(password, stored).await?;
        match found {
            Some(proof) if right => {
                self.0.attempts.lock().refund(&attempt.keys);
                Ok(proof)
            }
            found => {
                self.record_failure(found, now);
                Err(AuthError::Unknown)
            }
        }
    }

    /// Not waited for: the answer must not take longer for a user who exists.
    fn record_failure(&self, of: Option<Proof>, at: Timestamp) {
        let Some(Proof { principal, .. }) = of else { return };
        let auth = self.clone();
        tokio::spawn(async move {
            let (subject, detail) = (principal.name.clone(), String::new());
            let act = Act { action: "user.login_failed", subject, detail, at };
            if let Err(error) = auth.audit(&principal, act).await {
                tracing::warn!(%error, "a failed log-in was not recorded");
            }
        });
    }
}

/// A turn at looking at one password.
pub(super) struct Attempt<'a> {
    user: String,
    keys: Vec<Key>,
    turn: Turn<'a>,
}

/// A user who may be let in, and the hash that the password must fit.
pub(super) struct Proof {
    pub(super) principal: Arc<Principal>,
    hash: String,
}

fn find(tx: &mut Tx<'_>, name: &str) -> Result<Option<Proof>, SqlError> {
    let row = tx.find(
        "SELECT id, password FROM auth_user WHERE name = ?1 AND disabled_at IS NULL",
        &[name.into()],
        |row| Ok((row.get::<String>(0)?, row.get::<String>(1)?)),
    )?;
    let Some((id, hash)) = row else { return Ok(None) };
    let Some(user) = lookup::user_rights(tx, &id)? else { return Ok(None) };
    let (name, namespace, scopes) = (user.name, user.namespace, user.scopes);
    let principal = Arc::new(Principal { id, kind: Kind::User, name, namespace, scopes });
    Ok(Some(Proof { principal, hash }))
}

/// Whether the user is still let in with what was proved: the password may have been changed
/// while it was being looked at.
pub(super) fn still_holds(tx: &mut Tx<'_>, proof: &Proof) -> Result<bool, SqlError> {
    let row = tx.find(
        "SELECT id FROM auth_user WHERE id = ?1 AND password = ?2 AND disabled_at IS NULL",
        &[(&proof.principal.id).into(), (&proof.hash).into()],
        |row| row.get::<String>(0),
    )?;
    Ok(row.is_some())
}

fn session(id: String, of: &Principal, now: Timestamp) -> TokenInfo {
    TokenInfo {
        id,
        purpose: Purpose::Session,
        name: "session".to_owned(),
        namespace: of.namespace.clone(),
        // Cut to the user's roles at every look-up.
        scopes: Scopes::all(),
        created_by: of.id.clone(),
        created_at: now,
        expires_at: Some(now.plus(SESSION_FOR)),
        last_used_at: None,
        revoked_at: None,
    }
}

pub(super) fn too_many(retry_after_s: u64) -> AuthError {
    AuthError::TooMany { retry_after_s }
}
