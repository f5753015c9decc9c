//! What was issued is looked at (RFC 7662) or taken back (RFC 7009).

use super::client::{ClientCredential, ClientInfo};
use super::{OAuthError, clients, store};
use crate::auth::audit::{self, Act};
use crate::auth::token::{self, Digest};
use crate::auth::{Auth, AuthError, Scopes, lookup, tokens};
use crate::clock::Timestamp;
use crate::sql::{SqlError, Tx};

/// What is told of a token that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Introspection {
    /// Whom it stands for: [`crate::auth::Principal::id`].
    pub subject: String,
    /// That one's name.
    pub user_name: String,
    /// Which client holds it.
    pub client_id: String,
    /// What it may do today.
    pub scopes: Scopes,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl Auth {
    /// What an access token stands for, to a confidential client of the token's namespace. None
    /// for any text that is no such token, or no longer.
    ///
    /// # Errors
    /// [`OAuthError::InvalidClient`] for a public client too, [`OAuthError::Auth`].
    pub async fn introspect(
        &self,
        credential: ClientCredential,
        text: &str,
    ) -> Result<Option<Introspection>, OAuthError> {
        if credential.secret.is_none() {
            return Err(OAuthError::InvalidClient);
        }
        let id = token::id_of(text).ok().map(str::to_owned);
        let (digest, now) = (Digest::of(text), self.0.clock.now());
        let read = move |tx: &mut Tx<'_>| {
            let asker = clients::shown(tx, &credential)?;
            let Some(id) = &id else { return Ok(None) };
            let entry = match lookup::find(tx, id, &digest, now) {
                Ok(entry) => entry,
                Err(AuthError::Store(error)) => return Err(error.into()),
                Err(_) => return Ok(None),
            };
            let issued = store::find_issued(tx, id)?;
            let (who, expires_at) = (entry.principal, entry.expires_at);
            let told = issued.zip(expires_at).filter(|_| who.namespace == asker.namespace);
            Ok::<_, OAuthError>(told.map(|((client_id, issued_at), expires_at)| Introspection {
                subject: who.id.clone(),
                user_name: who.name.clone(),
                client_id,
                scopes: who.scopes.clone(),
                issued_at,
                expires_at,
            }))
        };
        self.0.db.read(read).await
    }

    /// Takes back an access token, or a refresh token with all that came of the same consent; it
    /// is refused once this returns. Nothing changes for what is no token of this client.
    ///
    /// # Errors
    /// [`OAuthError::InvalidClient`], [`OAuthError::Auth`].
    pub async fn revoke_issued(
        &self,
        credential: ClientCredential,
        text: &str,
    ) -> Result<(), OAuthError> {
        let id = token::id_of(text).ok().map(str::to_owned);
        let (digest, at) = (Digest::of(text), self.0.clock.now());
        let write = move |tx: &mut Tx<'_>| {
            let client = clients::shown(tx, &credential)?;
            let revoked = match &id {
                Some(id) => revoke_access(tx, &client, (id, &digest), at)?,
                None => revoke_family(tx, &client, &digest, at)?,
            };
            let Some(subject) = revoked else { return Ok(false) };
            let detail = format!("by {}", client.name);
            let act = Act { action: "oauth.revoke", subject, detail, at };
            audit::record(tx, &client.principal(), &act)?;
            Ok::<_, OAuthError>(true)
        };
        if self.0.db.write(write).await? {
            self.0.live.forget_all();
        }
        Ok(())
    }
}

/// What was revoked: the token's ID, unless it is none of this client's.
fn revoke_access(
    tx: &mut Tx<'_>,
    client: &ClientInfo,
    (id, digest): (&str, &Digest),
    at: Timestamp,
) -> Result<Option<String>, SqlError> {
    match lookup::find(tx, id, digest, at) {
        Ok(_) => {}
        Err(AuthError::Store(error)) => return Err(error),
        Err(_) => return Ok(None),
    }
    let holder = store::find_issued(tx, id)?.map(|(client_id, _)| client_id);
    if holder.as_ref() != Some(&client.id) {
        return Ok(None);
    }
    tokens::revoke(tx, id, at)?;
    Ok(Some(id.to_owned()))
}

/// What was revoked: the consent's ID, unless it is none of this client's.
fn revoke_family(
    tx: &mut Tx<'_>,
    client: &ClientInfo,
    digest: &Digest,
    at: Timestamp,
) -> Result<Option<String>, SqlError> {
    let Some(token) = store::find_refresh(tx, digest)? else { return Ok(None) };
    let Some(grant) = store::find_grant(tx, &token.grant_id)? else { return Ok(None) };
    if grant.client_id != client.id || grant.is_ended {
        return Ok(None);
    }
    store::end_grant(tx, &grant.id, at)?;
    Ok(Some(grant.id))
}
