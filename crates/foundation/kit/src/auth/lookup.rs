//! From a token's row to what it may do today.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use super::live::Entry;
use super::token::Digest;
use super::tokens::Purpose;
use super::{AuthError, Kind, Principal, Scopes};
use crate::clock::Timestamp;
use crate::namespace::NamespaceName;
use crate::sql::{Row, SqlError, Tx};

struct TokenRow {
    digest: Vec<u8>,
    purpose: Purpose,
    name: String,
    namespace: NamespaceName,
    scopes: Scopes,
    user_id: Option<String>,
    client_id: Option<String>,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
    revoked: bool,
}

/// A user as far as rights go.
pub(super) struct UserRights {
    pub(super) name: String,
    pub(super) namespace: NamespaceName,
    pub(super) disabled: bool,
    /// The union of the user's roles.
    pub(super) scopes: Scopes,
}

/// Reads the token `id`. An unknown ID and a wrong secret cost the same query and comparison, and
/// get the same answer.
pub(super) fn find(
    tx: &mut Tx<'_>,
    id: &str,
    digest: &Digest,
    now: Timestamp,
) -> Result<Entry, AuthError> {
    let row = tx.find(
        "SELECT digest, purpose, name, namespace, scopes, user_id, expires_at, last_used_at,
            revoked_at, client_id FROM auth_token WHERE id = ?1",
        &[id.into()],
        read_token,
    )?;
    let stored = row.as_ref().map_or(&[0; 32][..], |row| &row.digest);
    let row = match (digest.is(stored), row) {
        (true, Some(row)) => row,
        _ => return Err(AuthError::Unknown),
    };
    let expires_at = row.expires_at;
    let last_used_us = row.last_used_at.map_or(0, Timestamp::micros);
    let principal = Arc::new(principal(tx, id, row, now)?);
    let token = Some((id.to_owned(), AtomicI64::new(last_used_us)));
    Ok(Entry { principal, expires_at, read_at: now, token })
}

/// Stores a token's time of use.
pub(super) fn touch(tx: &mut Tx<'_>, id: &str, now: Timestamp) -> Result<u64, SqlError> {
    tx.execute("UPDATE auth_token SET last_used_at = ?2 WHERE id = ?1", &[id.into(), now.into()])
}

/// What the user `id` may do; none when there is no such user.
pub(super) fn user_rights(tx: &mut Tx<'_>, id: &str) -> Result<Option<UserRights>, SqlError> {
    let user = tx.find(
        "SELECT name, namespace, disabled_at FROM auth_user WHERE id = ?1",
        &[id.into()],
        |row| Ok((row.get::<String>(0)?, namespace(row, 1)?, row.get::<Option<i64>>(2)?)),
    )?;
    let Some((name, namespace, disabled_at)) = user else { return Ok(None) };
    let roles = tx.query(
        "SELECT r.scopes FROM auth_user_role u JOIN auth_role r ON r.name = u.role
         WHERE u.user_id = ?1",
        &[id.into()],
        |row| scopes(row, 0),
    )?;
    let scopes = roles.iter().fold(Scopes::default(), |sum, role| sum.union(role));
    Ok(Some(UserRights { name, namespace, disabled: disabled_at.is_some(), scopes }))
}

fn principal(
    tx: &mut Tx<'_>,
    id: &str,
    row: TokenRow,
    now: Timestamp,
) -> Result<Principal, AuthError> {
    let user = match &row.user_id {
        Some(user_id) => Some(user_rights(tx, user_id)?.ok_or(AuthError::Revoked)?),
        None => None,
    };
    if row.revoked || user.as_ref().is_some_and(|user| user.disabled) {
        return Err(AuthError::Revoked);
    }
    if row.expires_at.is_some_and(|end| now >= end) {
        return Err(AuthError::Expired);
    }
    let scopes = match &user {
        Some(user) => row.scopes.intersect(&user.scopes),
        None => row.scopes,
    };
    let program = if scopes.allows(Principal::ADMIN) { Kind::Operator } else { Kind::Service };
    Ok(match (row.purpose, user, row.user_id) {
        (Purpose::Session, Some(user), Some(id)) => {
            Principal { id, kind: Kind::User, name: user.name, namespace: user.namespace, scopes }
        }
        // What a client does for a user is the user's; that a program does it stays to be seen.
        (Purpose::OAuth, Some(user), Some(id)) => {
            Principal { id, kind: program, name: user.name, namespace: user.namespace, scopes }
        }
        (purpose, ..) => {
            let own = match row.client_id {
                Some(client) if purpose == Purpose::OAuth => format!("client:{client}"),
                _ => format!("token:{id}"),
            };
            Principal { id: own, kind: program, name: row.name, namespace: row.namespace, scopes }
        }
    })
}

fn read_token(row: &Row<'_>) -> Result<TokenRow, SqlError> {
    Ok(TokenRow {
        digest: row.get(0)?,
        purpose: purpose(row, 1)?,
        name: row.get(2)?,
        namespace: namespace(row, 3)?,
        scopes: scopes(row, 4)?,
        user_id: row.get(5)?,
        expires_at: time(row, 6)?,
        last_used_at: time(row, 7)?,
        revoked: row.get::<Option<i64>>(8)?.is_some(),
        client_id: row.get(9)?,
    })
}

pub(super) fn namespace(row: &Row<'_>, index: usize) -> Result<NamespaceName, SqlError> {
    row.get::<String>(index)?.parse().map_err(|bad| invalid(&bad))
}

pub(super) fn scopes(row: &Row<'_>, index: usize) -> Result<Scopes, SqlError> {
    row.get::<String>(index)?.parse().map_err(|bad| invalid(&bad))
}

pub(super) fn purpose(row: &Row<'_>, index: usize) -> Result<Purpose, SqlError> {
    let text: String = row.get(index)?;
    Purpose::named(&text).ok_or_else(|| invalid(&format!("{text:?} is no purpose of a token")))
}

pub(super) fn time(row: &Row<'_>, index: usize) -> Result<Option<Timestamp>, SqlError> {
    Ok(row.get::<Option<i64>>(index)?.map(Timestamp::from_micros))
}

fn invalid(what: &impl ToString) -> SqlError {
    SqlError::Invalid(what.to_string())
}
