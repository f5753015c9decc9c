//! The first operator's token: how a house without users is entered.

use std::time::Duration;

use super::audit::{self, Act};
use super::token::{self, Digest};
use super::tokens::{self, Purpose, TokenInfo};
use super::{Auth, AuthError, Mode, Principal, Scopes, Secret};
use crate::clock::Timestamp;
use crate::namespace::NamespaceName;
use crate::sql::{SqlError, Tx};

/// How long it works.
const BOOTSTRAP_FOR: Duration = Duration::from_secs(24 * 3_600);

impl Auth {
    /// The token to print at the first start of [`Mode::Serve`]: an operator's, for 24 hours or
    /// until there is a user who may do `platform:admin`. None once there are users, or while the
    /// one printed before still works.
    ///
    /// # Errors
    /// [`AuthError::Store`].
    pub async fn bootstrap_token(&self) -> Result<Option<Secret>, AuthError> {
        if self.0.settings.mode != Mode::Serve {
            return Ok(None);
        }
        let (now, house) = (self.0.clock.now(), Principal::house());
        let (id, secret) = token::mint(&self.0.entropy);
        let row = TokenInfo {
            id,
            purpose: Purpose::Bootstrap,
            name: "bootstrap".to_owned(),
            namespace: NamespaceName::default_name(),
            scopes: Scopes::all(),
            created_by: house.id.clone(),
            created_at: now,
            expires_at: Some(now.plus(BOOTSTRAP_FOR)),
            last_used_at: None,
            revoked_at: None,
        };
        let digest = Digest::of(secret.expose());
        let write = move |tx: &mut Tx<'_>| {
            if has_users(tx)? || has_bootstrap(tx, now)? {
                return Ok(false);
            }
            tokens::insert(tx, &row, &digest, None)?;
            let (subject, detail) = (row.id.clone(), "for the first operator".to_owned());
            let act = Act { action: "token.create", subject, detail, at: now };
            audit::record(tx, &house, &act).map(|()| true)
        };
        Ok(self.0.db.write::<_, SqlError>(write).await?.then_some(secret))
    }
}

/// Revokes it: there is someone else now who may do everything.
pub(super) fn end(tx: &mut Tx<'_>, at: Timestamp) -> Result<u64, SqlError> {
    tx.execute(
        "UPDATE auth_token SET revoked_at = ?1 WHERE purpose = 'bootstrap' AND revoked_at IS NULL",
        &[at.into()],
    )
}

fn has_users(tx: &mut Tx<'_>) -> Result<bool, SqlError> {
    let find = "SELECT id FROM auth_user LIMIT 1";
    Ok(tx.find(find, &[], |row| row.get::<String>(0))?.is_some())
}

fn has_bootstrap(tx: &mut Tx<'_>, now: Timestamp) -> Result<bool, SqlError> {
    let row = tx.find(
        "SELECT id FROM auth_token
         WHERE purpose = 'bootstrap' AND revoked_at IS NULL AND expires_at > ?1 LIMIT 1",
        &[now.into()],
        |row| row.get::<String>(0),
    )?;
    Ok(row.is_some())
}
