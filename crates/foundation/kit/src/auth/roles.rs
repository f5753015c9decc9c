//! Roles: named sets of scopes. A user may do what the user's roles allow, together.

use super::audit::{self, Act};
use super::{Auth, AuthError, Principal, Scopes, lookup};
use crate::sql::{SqlError, Tx};

/// The role that may do everything, and is never changed: someone must be able to.
pub const ADMIN_ROLE: &str = "admin";
/// Roles in one house.
const ROLES_MAX: i64 = 256;
const NAME_LENGTH_MAX: usize = 40;

/// A role. `admin` (`*`), `editor` (`*:read *:write`) and `reader` (`*:read`) are there from the
/// start.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Role {
    /// 1 to 40 characters of `a-z 0-9 _ -`.
    pub name: String,
    /// What users with the role may do.
    pub scopes: Scopes,
}

impl Auth {
    /// Every role, by name.
    ///
    /// # Errors
    /// [`AuthError::Forbidden`] without `platform:read`, [`AuthError::Store`].
    pub async fn list_roles(&self, principal: &Principal) -> Result<Vec<Role>, AuthError> {
        principal.require("platform:read")?;
        let list = |tx: &mut Tx<'_>| {
            tx.query("SELECT name, scopes FROM auth_role ORDER BY name", &[], |row| {
                Ok(Role { name: row.get(0)?, scopes: lookup::scopes(row, 1)? })
            })
        };
        Ok(self.0.db.read::<_, SqlError>(list).await?)
    }

    /// Makes or changes a role; its users may do what it says once this returns.
    ///
    /// # Errors
    /// [`AuthError::Forbidden`] without `platform:admin` or a scope that the role has or gets,
    /// [`AuthError::Invalid`], [`AuthError::Store`].
    pub async fn set_role(&self, actor: &Principal, role: Role) -> Result<(), AuthError> {
        check_name(&role.name)?;
        let (who, at) = (actor.clone(), self.0.clock.now());
        let write = move |tx: &mut Tx<'_>| {
            may_grant(&who, &role.scopes)?;
            if let Some(before) = role_scopes(tx, &role.name)? {
                may_grant(&who, &before)?;
            } else if count(tx)? >= ROLES_MAX {
                return Err(AuthError::Invalid(format!("there are {ROLES_MAX} roles already")));
            }
            let scopes = role.scopes.to_string();
            tx.execute(
                "INSERT INTO auth_role (name, scopes) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET scopes = excluded.scopes",
                &[(&role.name).into(), (&scopes).into()],
            )?;
            let act = Act { action: "role.set", subject: role.name.clone(), detail: scopes, at };
            Ok(audit::record(tx, &who, &act)?)
        };
        self.0.db.write(write).await?;
        self.0.live.forget_all();
        Ok(())
    }

    /// Removes a role, from its users too.
    ///
    /// # Errors
    /// [`AuthError::NotFound`], else as [`Auth::set_role`].
    pub async fn remove_role(&self, actor: &Principal, name: &str) -> Result<(), AuthError> {
        check_name(name)?;
        let (who, name, at) = (actor.clone(), name.to_owned(), self.0.clock.now());
        let write = move |tx: &mut Tx<'_>| {
            who.require(Principal::ADMIN)?;
            let scopes = role_scopes(tx, &name)?.ok_or_else(|| no_such_role(&name))?;
            may_grant(&who, &scopes)?;
            tx.execute("DELETE FROM auth_user_role WHERE role = ?1", &[(&name).into()])?;
            tx.execute("DELETE FROM auth_role WHERE name = ?1", &[(&name).into()])?;
            let (subject, detail) = (name.clone(), scopes.to_string());
            audit::record(tx, &who, &Act { action: "role.remove", subject, detail, at })?;
            Ok::<_, AuthError>(())
        };
        self.0.db.write(write).await?;
        self.0.live.forget_all();
        Ok(())
    }
}

/// Refuses an administrator who would give, or take charge of, more than they have.
pub(super) fn may_grant(actor: &Principal, scopes: &Scopes) -> Result<(), AuthError> {
    actor.require(Principal::ADMIN)?;
    if actor.scopes.covers(scopes) {
        return Ok(());
    }
    Err(AuthError::Forbidden(format!("all of the scopes {scopes}")))
}

/// What `roles` allow together.
///
/// # Errors
/// [`AuthError::Invalid`] when there is no such role.
pub(super) fn union_of(tx: &mut Tx<'_>, roles: &[String]) -> Result<Scopes, AuthError> {
    roles.iter().try_fold(Scopes::default(), |sum, role| {
        let unknown = || AuthError::Invalid(no_such_role(role).to_string());
        Ok(sum.union(&role_scopes(tx, role)?.ok_or_else(unknown)?))
    })
}

fn role_scopes(tx: &mut Tx<'_>, name: &str) -> Result<Option<Scopes>, SqlError> {
    let find = "SELECT scopes FROM auth_role WHERE name = ?1";
    tx.find(find, &[name.into()], |row| lookup::scopes(row, 0))
}

fn count(tx: &mut Tx<'_>) -> Result<i64, SqlError> {
    Ok(tx.find("SELECT COUNT(*) FROM auth_role", &[], |row| row.get(0))?.unwrap_or(0))
}

fn check_name(name: &str) -> Result<(), AuthError> {
    if name == ADMIN_ROLE {
        return Err(AuthError::Invalid(format!("the role {ADMIN_ROLE} cannot be changed")));
    }
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    if (1..=NAME_LENGTH_MAX).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    let rule = format!("a role's name has 1 to {NAME_LENGTH_MAX} characters of a-z 0-9 _ -");
    Err(AuthError::Invalid(rule))
}

fn no_such_role(name: &str) -> AuthError {
    AuthError::NotFound(format!("role {name:?}"))
}
