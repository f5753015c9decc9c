//! Clients registered, listed and removed, by operators.

use super::client::{ClientCredential, ClientInfo, NewClient};
use super::{OAuthError, SECRET_PREFIX, mint, store};
use crate::auth::audit::{self, Act, PAGE_MAX};
use crate::auth::roles::may_grant;
use crate::auth::token::Digest;
use crate::auth::{Auth, AuthError, Principal, Secret};
use crate::sql::{SqlError, Tx};

/// Clients in one house.
const CLIENTS_MAX: i64 = 1_000;
/// Random characters of a client's ID.
const ID_LENGTH: usize = 16;

/// Which clients of a list, by ID.
#[derive(Clone, Debug)]
pub struct ClientPage {
    /// Only IDs after this one; none for the first page.
    pub after_id: Option<String>,
    /// Clients wanted, 1 to 1,000.
    pub limit: u32,
}

impl Auth {
    /// Registers a client. This is the only time that its secret is seen; a public one has none.
    ///
    /// # Errors
    /// [`AuthError::Forbidden`] without `platform:admin` or one of the scopes,
    /// [`AuthError::Invalid`], [`AuthError::Store`].
    pub async fn create_client(
        &self,
        actor: &Principal,
        new: NewClient,
    ) -> Result<(ClientInfo, Option<Secret>), AuthError> {
        may_grant(actor, &new.scopes)?;
        new.check()?;
        let (mut grants, at) = (new.grants, self.0.clock.now());
        grants.sort();
        grants.dedup();
        let info = ClientInfo {
            id: self.0.entropy.text(ID_LENGTH),
            name: new.name,
            namespace: new.namespace.unwrap_or_else(|| actor.namespace.clone()),
            redirect_uris: new.redirect_uris,
            grants,
            scopes: new.scopes,
            is_public: new.is_public,
            created_by: actor.id.clone(),
            created_at: at,
        };
        let secret = (!info.is_public).then(|| mint(SECRET_PREFIX, &self.0.entropy));
        let digest = secret.as_ref().map(|secret| Digest::of(secret.expose()));
        let (who, row) = (actor.clone(), info.clone());
        let write = move |tx: &mut Tx<'_>| {
            if store::count_clients(tx)? >= CLIENTS_MAX {
                let full = format!("there are {CLIENTS_MAX} clients already");
                return Err(AuthError::Invalid(full));
            }
            store::insert_client(tx, &row, digest.as_ref())?;
            let (subject, detail) = (row.id.clone(), format!("{}: {}", row.name, row.scopes));
            Ok(audit::record(tx, &who, &Act { action: "client.create", subject, detail, at })?)
        };
        self.0.db.write(write).await?;
        Ok((info, secret))
    }

    /// A page of clients by ID.
    ///
    /// # Errors
    /// [`AuthError::Forbidden`] without `platform:admin`, [`AuthError::Store`].
    pub async fn list_clients(
        &self,
        actor: &Principal,
        page: ClientPage,
    ) -> Result<Vec<ClientInfo>, AuthError> {
        actor.require(Principal::ADMIN)?;
        let (after, limit) = (page.after_id.unwrap_or_default(), page.limit.clamp(1, PAGE_MAX));
        let list = move |tx: &mut Tx<'_>| store::list_clients(tx, &after, limit);
        Ok(self.0.db.read::<_, SqlError>(list).await?)
    }

    /// Removes a client; all that it holds is refused once this returns.
    ///
    /// # Errors
    /// [`AuthError::Forbidden`] without `platform:admin`, [`AuthError::NotFound`],
    /// [`AuthError::Store`].
    pub async fn remove_client(&self, actor: &Principal, id: &str) -> Result<(), AuthError> {
        actor.require(Principal::ADMIN)?;
        let (who, id, at) = (actor.clone(), id.to_owned(), self.0.clock.now());
        let write = move |tx: &mut Tx<'_>| {
            let unknown = || AuthError::NotFound("client with this ID".to_owned());
            let found = store::find_client(tx, &id)?.ok_or_else(unknown)?;
            store::remove_client(tx, &id, at)?;
            let (subject, detail) = (id.clone(), found.info.name);
            Ok::<_, AuthError>(audit::record(
                tx,
                &who,
                &Act { action: "client.remove", subject, detail, at },
            )?)
        };
        self.0.db.write(write).await?;
        self.0.live.forget_all();
        Ok(())
    }
}

/// The client that shows this. A public client shows no secret, another one its own.
///
/// # Errors
/// [`OAuthError::InvalidClient`], whatever it is that is wrong.
pub(super) fn shown(
    tx: &mut Tx<'_>,
    credential: &ClientCredential,
) -> Result<ClientInfo, OAuthError> {
    let found = store::find_client(tx, &credential.id)?.ok_or(OAuthError::InvalidClient)?;
    let is_right = match (&found.secret, &credential.secret) {
        (None, None) => true,
        (Some(stored), Some(secret)) => Digest::of(secret.expose()).is(stored),
        _ => false,
    };
    if is_right { Ok(found.info) } else { Err(OAuthError::InvalidClient) }
}
