//! Tokens made, listed and taken back.

use std::time::Duration;

use super::audit::{self, Act, PAGE_MAX};
use super::token::{self, Digest};
use super::{Auth, AuthError, Kind, Principal, Scopes, Secret};
use super::{lookup, oauth};
use crate::clock::Timestamp;
use crate::namespace::NamespaceName;
use crate::sql::{Row, SqlError, Tx};

/// What making tokens takes of a token.
const TOKENS: &str = "platform:tokens";
/// Characters of a token's name.
const NAME_LENGTH_MAX: usize = 100;
/// How long rows of ended tokens stay, so that they are told from unknown ones.
const ENDED_FOR: Duration = Duration::from_secs(30 * 24 * 3_600);

/// The same for what OAuth issued, which is many: a client asks anew each hour.
const ISSUED_ENDED_FOR: Duration = Duration::from_secs(24 * 3_600);

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Made by a principal, for a program.
    Api,
    /// Made by a log-in.
    Session,
    /// Printed at the first start, for the first operator.
    Bootstrap,
    /// Issued to a client by OAuth, for itself or for a user.
    OAuth,
}

/// What a new token is to be.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// For people: 1 to 100 characters.
    pub name: String,
    /// What it may do: at most what its maker may.
    pub scopes: Scopes,
    /// Whose state it is for; none for its maker's. Another's takes `platform:admin`.
    pub namespace: Option<NamespaceName>,
    /// When it ends; none for never.
    pub expires_at: Option<Timestamp>,
}

/// All that is known of a token, save the token.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TokenInfo {
    /// The twelve characters after `bp_`.
    pub id: String,
    /// See [`Purpose`].
    pub purpose: Purpose,
    /// See [`NewToken::name`].
    pub name: String,
    /// See [`NewToken::namespace`].
    pub namespace: NamespaceName,
    /// As given; a user's token may do less when the user may.
    pub scopes: Scopes,
    /// [`Principal::id`] of its maker.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends; none for never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the hour; none for never.
    pub last_used_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}

/// Where a page of tokens ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenCursor {
    /// [`TokenInfo::created_at`] of its last token.
    pub created_at: Timestamp,
    /// [`TokenInfo::id`] of its last token.
    pub id: String,
}

/// Which tokens of a list, newest first.
#[derive(Clone, Debug)]
pub struct TokenPage {
    /// Whose; none for the caller's. Another's takes `platform:admin`.
    pub namespace: Option<NamespaceName>,
    /// Only tokens after this one in the list; none for the first page.
    pub after: Option<TokenCursor>,
    /// Tokens wanted, 1 to 1,000.
    pub limit: u32,
}

impl Auth {
    /// Makes a token. This is the only time that it is seen.
    ///
    /// # Errors
    /// [`AuthError::Missing`] for the anonymous, [`AuthError::Forbidden`] for a scope or namespace
    /// that `maker` does not have, or for a token that makes tokens without `platform:tokens`,
    /// [`AuthError::Invalid`], [`AuthError::Store`].
    pub async fn create_token(
        &self,
        maker: &Principal,
        wanted: NewToken,
    ) -> Result<(TokenInfo, Secret), AuthError> {
        let now = self.0.clock.now();
        if maker.is_foreign() {
            let needed = "a credential of this house: a token would outlive the JWT";
            return Err(AuthError::Forbidden(needed.to_owned()));
        }
        // A user's tokens end with the user's roles; those made by a token would outlive it.
        if maker.kind == Kind::Service {
            maker.require(TOKENS)?;
        }
        check(maker, &wanted, now)?;
        let (id, secret) = token::mint(&self.0.entropy);
        let info = TokenInfo {
            id,
            purpose: Purpose::Api,
            name: wanted.name,
            namespace: wanted.namespace.unwrap_or_else(|| maker.namespace.clone()),
            scopes: wanted.scopes,
            created_by: maker.id.clone(),
            created_at: now,
            expires_at: wanted.expires_at,
            last_used_at: None,
            revoked_at: None,
        };
        let (maker, row, digest) = (maker.clone(), info.clone(), Digest::of(secret.expose()));
        let write = move |tx: &mut Tx<'_>| {
            let user_id = user_behind(tx, &maker)?;
            insert(tx, &row, &digest, user_id.as_deref())?;
            let detail = format!("{} for {}: {}", row.name, row.namespace, row.scopes);
            let subject = row.id.clone();
            audit::record(tx, &maker, &Act { action: "token.create", subject, detail, at: now })
        };
        self.0.db.write::<_, SqlError>(write).await?;
        Ok((info, secret))
    }

    /// A page of API tokens, newest first, ended ones too: all of a namespace for those with
    /// `platform:admin`, for others those that they made.
    ///
    /// # Errors
    /// [`AuthError::Missing`] for the anonymous, [`AuthError::Forbidden`], [`AuthError::Store`].
    pub async fn list_tokens(
        &self,
        principal: &Principal,
        page: TokenPage,
    ) -> Result<Vec<TokenInfo>, AuthError> {
        in_own_name(principal)?;
        let namespace = page.namespace.unwrap_or_else(|| principal.namespace.clone());
        let sees_all = principal.may(Principal::ADMIN);
        if !sees_all && (principal.kind == Kind::Anonymous || namespace != principal.namespace) {
            principal.require(Principal::ADMIN)?;
        }
        let (after_at, after_id) = match page.after {
            Some(cursor) => (cursor.created_at.micros(), cursor.id),
            None => (i64::MAX, String::new()),
        };
        let (limit, maker) = (i64::from(page.limit.clamp(1, PAGE_MAX)), principal.id.clone());
        let list = move |tx: &mut Tx<'_>| {
            tx.query(
                "SELECT id, purpose, name, namespace, scopes, created_by, created_at, expires_at,
                    last_used_at, revoked_at FROM auth_token
                 WHERE namespace = ?1 AND (created_at, id) < (?2, ?3) AND purpose <> 'session'
                    AND (?4 OR created_by = ?5)
                 ORDER BY created_at DESC, id DESC LIMIT ?6",
                &[
                    namespace.as_str().into(),
                    after_at.into(),
                    (&after_id).into(),
                    sees_all.into(),
                    (&maker).into(),
                    limit.into(),
                ],
                read_info,
            )
        };
        Ok(self.0.db.read::<_, SqlError>(list).await?)
    }

    /// Takes a token back; it is refused once this returns. With one that OAuth issued goes the
    /// consent behind it, or the client would refresh it. Nothing changes for one that was revoked
    /// before.
    ///
    /// # Errors
    /// [`AuthError::NotFound`] when there is none with this ID that `principal` made or, with
    /// `platform:admin`, at all; [`AuthError::Store`].
    pub async fn revoke_token(&self, principal: &Principal, id: &str) -> Result<(), AuthError> {
        in_own_name(principal)?;
        let (who, id, at) = (principal.clone(), id.to_owned(), self.0.clock.now());
        let write = move |tx: &mut Tx<'_>| {
            let found = tx.find(
                "SELECT created_by, revoked_at, grant_id FROM auth_token WHERE id = ?1",
                &[(&id).into()],
                |row| Ok((row.get(0)?, row.get::<Option<i64>>(1)?, row.get(2)?)),
            )?;
            let (maker, revoked_at, grant_id): (String, _, Option<String>) =
                found.ok_or_else(no_such_token)?;
            if maker != who.id && !who.may(Principal::ADMIN) {
                return Err(no_such_token());
            }
            if revoked_at.is_some() {
                return Ok(());
            }
            revoke(tx, &id, at)?;
            if let Some(grant_id) = grant_id {
                oauth::end_grant(tx, &grant_id, at)?;
            }
            let (subject, detail) = (id.clone(), String::new());
            audit::record(tx, &who, &Act { action: "token.revoke", subject, detail, at })?;
            Ok(())
        };
        self.0.db.write(write).await?;
        self.0.live.forget_all();
        Ok(())
    }
}

impl Auth {
    /// Removes what ended 30 days ago or more, and what OAuth issued a day after its end: a job to
    /// run now and then. Returns how many rows.
    ///
    /// # Errors
    /// [`AuthError::Store`].
    pub async fn sweep(&self) -> Result<u64, AuthError> {
        let now = self.0.clock.now();
        let (before, issued_before) = (now.minus(ENDED_FOR), now.minus(ISSUED_ENDED_FOR));
        let sweep = move |tx: &mut Tx<'_>| {
            let tokens = tx.execute(
                "DELETE FROM auth_token
                 WHERE expires_at <= ?1 OR (purpose = 'oauth' AND expires_at <= ?2)",
                &[before.into(), issued_before.into()],
            )?;
            Ok(tokens + oauth::sweep(tx, issued_before)?)
        };
        Ok(self.0.db.write::<_, SqlError>(sweep).await?)
    }
}

impl Purpose {
    /// As stored.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Session => "session",
            Self::Bootstrap => "bootstrap",
            Self::OAuth => "oauth",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        let all = [Self::Api, Self::Session, Self::Bootstrap, Self::OAuth];
        all.into_iter().find(|it| it.name() == name)
    }
}

pub(super) fn insert(
    tx: &mut Tx<'_>,
    token: &TokenInfo,
    digest: &Digest,
    user_id: Option<&str>,
) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO auth_token (id, digest, purpose, name, namespace, scopes, created_by, user_id,
            created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        &[
            (&token.id).into(),
            digest.bytes().into(),
            token.purpose.name().into(),
            (&token.name).into(),
            token.namespace.as_str().into(),
            (&token.scopes.to_string()).into(),
            (&token.created_by).into(),
            user_id.into(),
            token.created_at.into(),
            token.expires_at.into(),
        ],
    )
    .map(drop)
}

pub(super) fn revoke(tx: &mut Tx<'_>, id: &str, at: Timestamp) -> Result<u64, SqlError> {
    tx.execute(
        "UPDATE auth_token SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
        &[id.into(), at.into()],
    )
}

fn check(maker: &Principal, wanted: &NewToken, now: Timestamp) -> Result<(), AuthError> {
    if maker.kind == Kind::Anonymous {
        return Err(AuthError::Missing);
    }
    if !maker.scopes.covers(&wanted.scopes) {
        return Err(AuthError::Forbidden(format!("all of the scopes {}", wanted.scopes)));
    }
    if wanted.namespace.as_ref().is_some_and(|name| *name != maker.namespace) {
        maker.require(Principal::ADMIN)?;
    }
    let length = wanted.name.chars().count();
    if !(1..=NAME_LENGTH_MAX).contains(&length) || wanted.name.chars().any(char::is_control) {
        let rule = format!("a token's name has 1 to {NAME_LENGTH_MAX} printable characters");
        return Err(AuthError::Invalid(rule));
    }
    if wanted.scopes.is_empty() {
        return Err(AuthError::Invalid("a token needs at least one scope".to_owned()));
    }
    if wanted.expires_at.is_some_and(|end| end <= now) {
        return Err(AuthError::Invalid("a token must end in the future".to_owned()));
    }
    Ok(())
}

/// The user whose rights bound a token of this maker: a token made by a user's token is still the
/// user's.
fn user_behind(tx: &mut Tx<'_>, maker: &Principal) -> Result<Option<String>, SqlError> {
    if maker.id.starts_with("user:") {
        return Ok(Some(maker.id.clone()));
    }
    let Some(token_id) = maker.id.strip_prefix("token:") else { return Ok(None) };
    let find = "SELECT user_id FROM auth_token WHERE id = ?1";
    Ok(tx.find(find, &[token_id.into()], |row| row.get(0))?.flatten())
}

/// Refuses a client that acts for a user and may not touch the user's other tokens.
fn in_own_name(principal: &Principal) -> Result<(), AuthError> {
    let acts_for_user = principal.kind == Kind::Service && principal.id.starts_with("user:");
    if acts_for_user { principal.require(TOKENS) } else { Ok(()) }
}

fn no_such_token() -> AuthError {
    AuthError::NotFound("token of yours with this ID".to_owned())
}

fn read_info(row: &Row<'_>) -> Result<TokenInfo, SqlError> {
    Ok(TokenInfo {
        id: row.get(0)?,
        purpose: lookup::purpose(row, 1)?,
        name: row.get(2)?,
        namespace: lookup::namespace(row, 3)?,
        scopes: lookup::scopes(row, 4)?,
        created_by: row.get(5)?,
        created_at: row.time(6)?,
        expires_at: lookup::time(row, 7)?,
        last_used_at: lookup::time(row, 8)?,
        revoked_at: lookup::time(row, 9)?,
    })
}
