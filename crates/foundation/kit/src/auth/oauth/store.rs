//! The rows of OAuth: clients, consents, codes, refresh tokens, devices.

use super::client::{ClientInfo, GrantKind};
use crate::auth::token::Digest;
use crate::auth::{Scopes, lookup};
use crate::clock::Timestamp;
use crate::sql::{Row, SqlError, Tx};

/// A client as it is stored.
pub(super) struct ClientRow {
    pub(super) info: ClientInfo,
    /// The digest of its secret; none for a public one.
    pub(super) secret: Option<Vec<u8>>,
}

/// What a user has allowed a client.
pub(super) struct GrantRow {
    pub(super) id: String,
    pub(super) client_id: String,
    pub(super) user_id: String,
    pub(super) scopes: Scopes,
    pub(super) created_at: Timestamp,
    pub(super) is_ended: bool,
}

/// A code that the client is to redeem.
pub(super) struct CodeRow {
    pub(super) grant_id: String,
    pub(super) redirect_uri: String,
    pub(super) challenge: String,
    pub(super) expires_at: Timestamp,
    pub(super) used_at: Option<Timestamp>,
}

/// A refresh token.
pub(super) struct RefreshRow {
    pub(super) grant_id: String,
    pub(super) expires_at: Timestamp,
    pub(super) used_at: Option<Timestamp>,
}

/// A device that waits.
pub(super) struct DeviceRow {
    pub(super) client_id: String,
    pub(super) scopes: Scopes,
    pub(super) grant_id: Option<String>,
    pub(super) is_denied: bool,
    pub(super) interval_seconds: i64,
    pub(super) polled_at: Option<Timestamp>,
    pub(super) expires_at: Timestamp,
}

pub(super) fn count_clients(tx: &mut Tx<'_>) -> Result<i64, SqlError> {
    Ok(tx.find("SELECT COUNT(*) FROM auth_client", &[], |row| row.get(0))?.unwrap_or(0))
}

pub(super) fn insert_client(
    tx: &mut Tx<'_>,
    client: &ClientInfo,
    secret: Option<&Digest>,
) -> Result<(), SqlError> {
    let grants = client.grants.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" ");
    tx.execute(
        "INSERT INTO auth_client (id, name, namespace, secret, redirect_uris, grants, scopes,
            created_by, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        &[
            (&client.id).into(),
            (&client.name).into(),
            client.namespace.as_str().into(),
            secret.map(Digest::bytes).into(),
            (&client.redirect_uris.join(" ")).into(),
            (&grants).into(),
            (&client.scopes.to_string()).into(),
            (&client.created_by).into(),
            client.created_at.into(),
        ],
    )
    .map(drop)
}

pub(super) fn find_client(tx: &mut Tx<'_>, id: &str) -> Result<Option<ClientRow>, SqlError> {
    tx.find(
        "SELECT id, name, namespace, secret, redirect_uris, grants, scopes, created_by, created_at
         FROM auth_client WHERE id = ?1",
        &[id.into()],
        read_client,
    )
}

pub(super) fn list_clients(
    tx: &mut Tx<'_>,
    after: &str,
    limit: u32,
) -> Result<Vec<ClientInfo>, SqlError> {
    tx.query(
        "SELECT id, name, namespace, secret, redirect_uris, grants, scopes, created_by, created_at
         FROM auth_client WHERE id > ?1 ORDER BY id LIMIT ?2",
        &[after.into(), i64::from(limit).into()],
        |row| read_client(row).map(|found| found.info),
    )
}

/// Removes a client with all that it waits for, and revokes what it holds.
pub(super) fn remove_client(tx: &mut Tx<'_>, id: &str, at: Timestamp) -> Result<(), SqlError> {
    tx.execute("DELETE FROM auth_client WHERE id = ?1", &[id.into()])?;
    tx.execute("DELETE FROM auth_device WHERE client_id = ?1", &[id.into()])?;
    tx.execute(
        "UPDATE auth_grant SET ended_at = ?2 WHERE client_id = ?1 AND ended_at IS NULL",
        &[id.into(), at.into()],
    )?;
    tx.execute(
        "UPDATE auth_token SET revoked_at = ?2 WHERE client_id = ?1 AND revoked_at IS NULL",
        &[id.into(), at.into()],
    )
    .map(drop)
}

pub(super) fn insert_grant(tx: &mut Tx<'_>, grant: &GrantRow) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO auth_grant (id, client_id, user_id, scopes, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        &[
            (&grant.id).into(),
            (&grant.client_id).into(),
            (&grant.user_id).into(),
            (&grant.scopes.to_string()).into(),
            grant.created_at.into(),
        ],
    )
    .map(drop)
}

pub(super) fn find_grant(tx: &mut Tx<'_>, id: &str) -> Result<Option<GrantRow>, SqlError> {
    tx.find(
        "SELECT id, client_id, user_id, scopes, created_at, ended_at FROM auth_grant
         WHERE id = ?1",
        &[id.into()],
        |row| {
            Ok(GrantRow {
                id: row.get(0)?,
                client_id: row.get(1)?,
                user_id: row.get(2)?,
                scopes: lookup::scopes(row, 3)?,
                created_at: row.time(4)?,
                is_ended: row.get::<Option<i64>>(5)?.is_some(),
            })
        },
    )
}

/// Ends a consent and revokes all that came of it.
pub(in crate::auth) fn end_grant(tx: &mut Tx<'_>, id: &str, at: Timestamp) -> Result<(), SqlError> {
    tx.execute(
        "UPDATE auth_grant SET ended_at = ?2 WHERE id = ?1 AND ended_at IS NULL",
        &[id.into(), at.into()],
    )?;
    tx.execute(
        "UPDATE auth_token SET revoked_at = ?2 WHERE grant_id = ?1 AND revoked_at IS NULL",
        &[id.into(), at.into()],
    )
    .map(drop)
}

/// Ends every consent of a user, as [`end_grant`] does one.
pub(in crate::auth) fn end_grants_of(
    tx: &mut Tx<'_>,
    user_id: &str,
    at: Timestamp,
) -> Result<(), SqlError> {
    tx.execute(
        "UPDATE auth_grant SET ended_at = ?2 WHERE user_id = ?1 AND ended_at IS NULL",
        &[user_id.into(), at.into()],
    )?;
    tx.execute(
        "UPDATE auth_token SET revoked_at = ?2
         WHERE user_id = ?1 AND purpose = 'oauth' AND revoked_at IS NULL",
        &[user_id.into(), at.into()],
    )
    .map(drop)
}

pub(super) fn insert_code(
    tx: &mut Tx<'_>,
    digest: &Digest,
    code: &CodeRow,
) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO auth_code (digest, grant_id, redirect_uri, challenge, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        &[
            digest.bytes().into(),
            (&code.grant_id).into(),
            (&code.redirect_uri).into(),
            (&code.challenge).into(),
            code.expires_at.into(),
        ],
    )
    .map(drop)
}

pub(super) fn find_code(tx: &mut Tx<'_>, digest: &Digest) -> Result<Option<CodeRow>, SqlError> {
    tx.find(
        "SELECT grant_id, redirect_uri, challenge, expires_at, used_at FROM auth_code
         WHERE digest = ?1",
        &[digest.bytes().into()],
        |row| {
            Ok(CodeRow {
                grant_id: row.get(0)?,
                redirect_uri: row.get(1)?,
                challenge: row.get(2)?,
                expires_at: row.time(3)?,
                used_at: lookup::time(row, 4)?,
            })
        },
    )
}

pub(super) fn use_code(tx: &mut Tx<'_>, digest: &Digest, at: Timestamp) -> Result<u64, SqlError> {
    let parameters = [digest.bytes().into(), at.into()];
    tx.execute("UPDATE auth_code SET used_at = ?2 WHERE digest = ?1", &parameters)
}

pub(super) fn insert_refresh(
    tx: &mut Tx<'_>,
    digest: &Digest,
    token: &RefreshRow,
) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO auth_refresh (digest, grant_id, expires_at) VALUES (?1, ?2, ?3)",
        &[digest.bytes().into(), (&token.grant_id).into(), token.expires_at.into()],
    )
    .map(drop)
}

pub(super) fn find_refresh(
    tx: &mut Tx<'_>,
    digest: &Digest,
) -> Result<Option<RefreshRow>, SqlError> {
    tx.find(
        "SELECT grant_id, expires_at, used_at FROM auth_refresh WHERE digest = ?1",
        &[digest.bytes().into()],
        |row| {
            let (grant_id, expires_at) = (row.get(0)?, row.time(1)?);
            Ok(RefreshRow { grant_id, expires_at, used_at: lookup::time(row, 2)? })
        },
    )
}

pub(super) fn use_refresh(
    tx: &mut Tx<'_>,
    digest: &Digest,
    at: Timestamp,
) -> Result<u64, SqlError> {
    let parameters = [digest.bytes().into(), at.into()];
    tx.execute("UPDATE auth_refresh SET used_at = ?2 WHERE digest = ?1", &parameters)
}

/// How many devices wait, once those whose time is over are gone.
pub(super) fn count_devices(tx: &mut Tx<'_>, now: Timestamp) -> Result<i64, SqlError> {
    tx.execute("DELETE FROM auth_device WHERE expires_at <= ?1", &[now.into()])?;
    Ok(tx.find("SELECT COUNT(*) FROM auth_device", &[], |row| row.get(0))?.unwrap_or(0))
}

pub(super) fn insert_device(
    tx: &mut Tx<'_>,
    (digest, user_code): (&Digest, &Digest),
    device: &DeviceRow,
) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO auth_device (digest, user_code, client_id, scopes, is_denied,
            interval_seconds, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        &[
            digest.bytes().into(),
            user_code.bytes().into(),
            (&device.client_id).into(),
            (&device.scopes.to_string()).into(),
            false.into(),
            device.interval_seconds.into(),
            device.expires_at.into(),
        ],
    )
    .map(drop)
}

pub(super) fn find_device(tx: &mut Tx<'_>, digest: &Digest) -> Result<Option<DeviceRow>, SqlError> {
    tx.find(
        "SELECT client_id, scopes, grant_id, is_denied, interval_seconds, polled_at, expires_at
         FROM auth_device WHERE digest = ?1",
        &[digest.bytes().into()],
        read_device,
    )
}

/// The device that shows this code and is still waiting at `now`.
pub(super) fn find_waiting(
    tx: &mut Tx<'_>,
    user_code: &Digest,
    now: Timestamp,
) -> Result<Option<DeviceRow>, SqlError> {
    let found = tx.find(
        "SELECT client_id, scopes, grant_id, is_denied, interval_seconds, polled_at, expires_at
         FROM auth_device WHERE user_code = ?1",
        &[user_code.bytes().into()],
        read_device,
    )?;
    let is_waiting = |device: &DeviceRow| {
        device.grant_id.is_none() && !device.is_denied && now < device.expires_at
    };
    Ok(found.filter(is_waiting))
}

/// Stores what the person said: a consent, or none.
pub(super) fn answer_device(
    tx: &mut Tx<'_>,
    user_code: &Digest,
    grant_id: Option<&str>,
) -> Result<u64, SqlError> {
    tx.execute(
        "UPDATE auth_device SET grant_id = ?2, is_denied = ?3 WHERE user_code = ?1",
        &[user_code.bytes().into(), grant_id.into(), grant_id.is_none().into()],
    )
}

/// Stores that a device asked, and how often it may from now on.
pub(super) fn poll_device(
    tx: &mut Tx<'_>,
    digest: &Digest,
    interval_seconds: i64,
    at: Timestamp,
) -> Result<u64, SqlError> {
    tx.execute(
        "UPDATE auth_device SET interval_seconds = ?2, polled_at = ?3 WHERE digest = ?1",
        &[digest.bytes().into(), interval_seconds.into(), at.into()],
    )
}

pub(super) fn remove_device(tx: &mut Tx<'_>, digest: &Digest) -> Result<u64, SqlError> {
    tx.execute("DELETE FROM auth_device WHERE digest = ?1", &[digest.bytes().into()])
}

/// Writes down of an access token whose it is.
pub(super) fn mark_token(
    tx: &mut Tx<'_>,
    id: &str,
    client_id: &str,
    grant_id: Option<&str>,
) -> Result<u64, SqlError> {
    tx.execute(
        "UPDATE auth_token SET client_id = ?2, grant_id = ?3 WHERE id = ?1",
        &[id.into(), client_id.into(), grant_id.into()],
    )
}

/// Which client holds a token that was issued by OAuth, and since when.
pub(super) fn find_issued(
    tx: &mut Tx<'_>,
    id: &str,
) -> Result<Option<(String, Timestamp)>, SqlError> {
    let find = "SELECT client_id, created_at FROM auth_token
         WHERE id = ?1 AND client_id IS NOT NULL";
    tx.find(find, &[id.into()], |row| Ok((row.get(0)?, row.time(1)?)))
}

/// Removes what ended before `before`: after that a second use is only unknown.
pub(in crate::auth) fn sweep(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64, SqlError> {
    let codes = tx.execute("DELETE FROM auth_code WHERE expires_at <= ?1", &[before.into()])?;
    let tokens = tx.execute("DELETE FROM auth_refresh WHERE expires_at <= ?1", &[before.into()])?;
    let devices = tx.execute("DELETE FROM auth_device WHERE expires_at <= ?1", &[before.into()])?;
    // A consent goes with the last of what came of it.
    let grants = tx.execute(
        "DELETE FROM auth_grant WHERE created_at <= ?1
            AND NOT EXISTS (SELECT 1 FROM auth_code c WHERE c.grant_id = auth_grant.id)
            AND NOT EXISTS (SELECT 1 FROM auth_refresh r WHERE r.grant_id = auth_grant.id)
            AND NOT EXISTS (SELECT 1 FROM auth_device d WHERE d.grant_id = auth_grant.id)
            AND NOT EXISTS (SELECT 1 FROM auth_token t WHERE t.grant_id = auth_grant.id)",
        &[before.into()],
    )?;
    Ok(codes + tokens + devices + grants)
}

fn read_client(row: &Row<'_>) -> Result<ClientRow, SqlError> {
    let (uris, grants): (String, String) = (row.get(4)?, row.get(5)?);
    let secret: Option<Vec<u8>> = row.get(3)?;
    let info = ClientInfo {
        id: row.get(0)?,
        name: row.get(1)?,
        namespace: lookup::namespace(row, 2)?,
        redirect_uris: uris.split(' ').filter(|uri| !uri.is_empty()).map(str::to_owned).collect(),
        grants: grants.split(' ').filter_map(GrantKind::named).collect(),
        scopes: lookup::scopes(row, 6)?,
        is_public: secret.is_none(),
        created_by: row.get(7)?,
        created_at: row.time(8)?,
    };
    Ok(ClientRow { info, secret })
}

fn read_device(row: &Row<'_>) -> Result<DeviceRow, SqlError> {
    Ok(DeviceRow {
        client_id: row.get(0)?,
        scopes: lookup::scopes(row, 1)?,
        grant_id: row.get(2)?,
        is_denied: row.get(3)?,
        interval_seconds: row.get(4)?,
        polled_at: lookup::time(row, 5)?,
        expires_at: row.time(6)?,
    })
}
