//! Users made, listed and changed.

use super::audit::{self, Act, PAGE_MAX};
use super::lookup::{self, UserRights};
use super::roles::{may_grant, union_of};
use super::{Auth, AuthError, Kind, Principal, Scopes, Secret, bootstrap, oauth, password};
use crate::clock::Timestamp;
use crate::namespace::NamespaceName;
use crate::sql::{Row, SqlError, Tx};

/// Characters of a user's name.
const NAME_LENGTH_MAX: usize = 64;
/// Roles of one user.
const ROLES_MAX: usize = 16;
/// Random characters of a user's ID.
const ID_LENGTH: usize = 12;

/// Who a new user is to be.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Unique in the house: 1 to 64 characters of `a-z 0-9 . _ @ + -`; capitals become small.
    pub name: String,
    /// 8 to 1,024 bytes.
    pub password: Secret,
    /// At most 16 names of roles.
    pub roles: Vec<String>,
    /// Whose state the user works on; none for the maker's.
    pub namespace: Option<NamespaceName>,
}

/// All that is known of a user, save the password.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct UserInfo {
    /// [`Principal::id`] of the user.
    pub id: String,
    /// See [`NewUser::name`].
    pub name: String,
    /// See [`NewUser::namespace`].
    pub namespace: NamespaceName,
    /// In order.
    pub roles: Vec<String>,
    /// When the user was made.
    pub created_at: Timestamp,
    /// Since when the user is not let in; none for one who is.
    pub disabled_at: Option<Timestamp>,
}

/// Which users of a list, by name.
#[derive(Clone, Debug)]
pub struct UserPage {
    /// Only names after this one; none for the first page.
    pub after_name: Option<String>,
    /// Users wanted, 1 to 1,000.
    pub limit: u32,
}

impl Auth {
    /// Makes a user. The first who may do `platform:admin` ends the bootstrap token.
    ///
    /// # Errors
    /// [`AuthError::Forbidden`] without `platform:admin` or a scope of the roles,
    /// [`AuthError::Exists`], [`AuthError::Invalid`], [`AuthError::TooMany`],
    /// [`AuthError::Store`].
    pub async fn create_user(
        &self,
        actor: &Principal,
        new: NewUser,
    ) -> Result<UserInfo, AuthError> {
        actor.require(Principal::ADMIN)?;
        password::check(&new.password)?;
        let mut user = UserInfo {
            id: format!("user:{}", self.0.entropy.text(ID_LENGTH)),
            name: checked_name(&new.name)?,
            namespace: new.namespace.unwrap_or_else(|| actor.namespace.clone()),
            roles: checked_roles(new.roles)?,
            created_at: self.0.clock.now(),
            disabled_at: None,
        };
        let hash = password::hash(new.password, &self.0.entropy).await?;
        let (who, row) = (actor.clone(), user.clone());
        let write = move |tx: &mut Tx<'_>| {
            let scopes = union_of(tx, &row.roles)?;
            may_grant(&who, &scopes)?;
            insert(tx, &row, &hash)?;
            if scopes.allows(Principal::ADMIN) {
                bootstrap::end(tx, row.created_at)?;
            }
            let detail = format!("roles {:?} in {}", row.roles, row.namespace);
            let (subject, at) = (row.name.clone(), row.created_at);
            Ok(audit::record(tx, &who, &Act { action: "user.create", subject, detail, at })?)
        };
        self.0.db.write(write).await.map_err(|error| match error {
            AuthError::Store(SqlError::Duplicate(_)) => {
                AuthError::Exists(format!("a user {:?}", user.name))
            }
            other => other,
        })?;
        self.0.live.forget_all();
        user.roles.sort();
        Ok(user)
    }

    /// A page of users by name, disabled ones too.
    ///
    /// # Errors
    /// [`AuthError::Forbidden`] without `platform:admin`, [`AuthError::Store`].
    pub async fn list_users(
        &self,
        actor: &Principal,
        page: UserPage,
    ) -> Result<Vec<UserInfo>, AuthError> {
        actor.require(Principal::ADMIN)?;
        let (after, limit) = (page.after_name.unwrap_or_default(), page.limit.clamp(1, PAGE_MAX));
        let list = move |tx: &mut Tx<'_>| {
            tx.query(
                "SELECT id, name, namespace, created_at, disabled_at,
                    (SELECT string_agg(role, ' ' ORDER BY role) FROM auth_user_role
                     WHERE user_id = auth_user.id)
                 FROM auth_user WHERE name > ?1 ORDER BY name LIMIT ?2",
                &[(&after).into(), i64::from(limit).into()],
                read_info,
            )
        };
        Ok(self.0.db.read::<_, SqlError>(list).await?)
    }

    /// Gives a user a new password and ends all sessions and consents. Users may do so for
    /// themselves; `platform:admin` for those who may do no more than they.
    ///
    /// # Errors
    /// [`AuthError::Forbidden`], [`AuthError::NotFound`], [`AuthError::Invalid`],
    /// [`AuthError::TooMany`], [`AuthError::Store`].
    pub async fn set_password(
        &self,
        actor: &Principal,
        user: &str,
        password: Secret,
    ) -> Result<(), AuthError> {
        password::check(&password)?;
        let (who, name) = (actor.clone(), user.to_lowercase());
        // Asked twice: before the costly hash, and again with the change itself.
        let ask = move |tx: &mut Tx<'_>| {
            let (id, user) = found(tx, &who, &name)?;
            in_charge(&who, &id, &user.scopes)
        };
        self.0.db.read(ask).await?;
        let hash = password::hash(password, &self.0.entropy).await?;
        self.change(actor, user, "user.set_password", move |tx, change| {
            in_charge(&change.actor, &change.id, &change.rights)?;
            let set = "UPDATE auth_user SET password = ?2 WHERE id = ?1";
            tx.execute(set, &[(&change.id).into(), (&hash).into()])?;
            end_sessions(tx, change)?;
            oauth::end_grants_of(tx, &change.id, change.at)?;
            Ok(String::new())
        })
        .await
    }

    /// Gives a user other roles, in force once this returns.
    ///
    /// # Errors
    /// [`AuthError::Forbidden`] without `platform:admin` or a scope that the user has or gets,
    /// [`AuthError::NotFound`], [`AuthError::Invalid`], [`AuthError::Store`].
    pub async fn set_roles(
        &self,
        actor: &Principal,
        user: &str,
        roles: Vec<String>,
    ) -> Result<(), AuthError> {
        let roles = checked_roles(roles)?;
        self.change(actor, user, "user.set_roles", move |tx, change| {
            may_grant(&change.actor, &change.rights)?;
            let scopes = union_of(tx, &roles)?;
            may_grant(&change.actor, &scopes)?;
            let clear = "DELETE FROM auth_user_role WHERE user_id = ?1";
            tx.execute(clear, &[(&change.id).into()])?;
            insert_roles(tx, &change.id, &roles)?;
            Ok(format!("{roles:?}"))
        })
        .await
    }

    /// Shuts a user out: password, sessions and tokens are refused once this returns.
    ///
    /// # Errors
    /// [`AuthError::Forbidden`], [`AuthError::NotFound`], [`AuthError::Store`].
    pub async fn disable(&self, actor: &Principal, user: &str) -> Result<(), AuthError> {
        self.change(actor, user, "user.disable", move |tx, change| {
            may_grant(&change.actor, &change.rights)?;
            let set = "UPDATE auth_user SET disabled_at = ?2 WHERE id = ?1";
            tx.execute(set, &[(&change.id).into(), change.at.into()])?;
            end_sessions(tx, change)?;
            Ok(String::new())
        })
        .await
    }

    /// Lets a user in again, with the tokens but without the sessions of before.
    ///
    /// # Errors
    /// As [`Auth::disable`].
    pub async fn enable(&self, actor: &Principal, user: &str) -> Result<(), AuthError> {
        self.change(actor, user, "user.enable", move |tx, change| {
            may_grant(&change.actor, &change.rights)?;
            let set = "UPDATE auth_user SET disabled_at = NULL WHERE id = ?1";
            tx.execute(set, &[(&change.id).into()])?;
            Ok(String::new())
        })
        .await
    }

    /// Runs `work` on a user with its audit row, then lets go of all that was known.
    async fn change(
        &self,
        actor: &Principal,
        user: &str,
        action: &'static str,
        mut work: impl FnMut(&mut Tx<'_>, &Change) -> Result<String, AuthError> + Send + 'static,
    ) -> Result<(), AuthError> {
        let (actor, name, at) = (actor.clone(), user.to_lowercase(), self.0.clock.now());
        let write = move |tx: &mut Tx<'_>| {
            let (id, rights) = found(tx, &actor, &name)?;
            let (actor, name, rights) = (actor.clone(), name.clone(), rights.scopes);
            let change = Change { actor, name, id, rights, at };
            let detail = work(tx, &change)?;
            let act = Act { action, subject: change.name, detail, at };
            Ok::<_, AuthError>(audit::record(tx, &change.actor, &act)?)
        };
        self.0.db.write(write).await?;
        self.0.live.forget_all();
        Ok(())
    }
}

/// A change of a user under way.
struct Change {
    actor: Principal,
    name: String,
    id: String,
    /// What the user's roles allow before it.
    rights: Scopes,
    at: Timestamp,
}

/// As stored: small letters, so that two users never look alike by capitals.
///
/// # Errors
/// [`AuthError::Invalid`].
pub(super) fn checked_name(name: &str) -> Result<String, AuthError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._@+-".contains(&byte);
    if (1..=NAME_LENGTH_MAX).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(name.to_ascii_lowercase());
    }
    let rule = format!("a user's name has 1 to {NAME_LENGTH_MAX} characters of a-z 0-9 . _ @ + -");
    Err(AuthError::Invalid(rule))
}

fn checked_roles(mut roles: Vec<String>) -> Result<Vec<String>, AuthError> {
    roles.sort();
    roles.dedup();
    if roles.len() <= ROLES_MAX {
        return Ok(roles);
    }
    Err(AuthError::Invalid(format!("a user has at most {ROLES_MAX} roles")))
}

/// The user of a name. Only administrators learn that there is none.
fn found(
    tx: &mut Tx<'_>,
    actor: &Principal,
    name: &str,
) -> Result<(String, UserRights), AuthError> {
    let find = "SELECT id FROM auth_user WHERE name = ?1";
    if let Some(id) = tx.find(find, &[name.into()], |row| row.get::<String>(0))?
        && let Some(rights) = lookup::user_rights(tx, &id)?
    {
        return Ok((id, rights));
    }
    actor.require(Principal::ADMIN)?;
    Err(AuthError::NotFound(format!("user {name:?}")))
}

/// Refuses an actor who may not set the user's password.
fn in_charge(actor: &Principal, id: &str, rights: &Scopes) -> Result<(), AuthError> {
    // A client that acts for the user has the user's ID, and is not the user.
    let is_self = actor.kind == Kind::User && actor.id == id;
    if is_self { Ok(()) } else { may_grant(actor, rights) }
}

fn insert(tx: &mut Tx<'_>, user: &UserInfo, hash: &str) -> Result<(), SqlError> {
    tx.execute(
        "INSERT INTO auth_user (id, name, namespace, password, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5)",
        &[
            (&user.id).into(),
            (&user.name).into(),
            user.namespace.as_str().into(),
            hash.into(),
            user.created_at.into(),
        ],
    )?;
    insert_roles(tx, &user.id, &user.roles)
}

fn insert_roles(tx: &mut Tx<'_>, id: &str, roles: &[String]) -> Result<(), SqlError> {
    for role in roles {
        let insert = "INSERT INTO auth_user_role (user_id, role) VALUES (?1, ?2)";
        tx.execute(insert, &[id.into(), role.into()])?;
    }
    Ok(())
}

fn end_sessions(tx: &mut Tx<'_>, change: &Change) -> Result<u64, SqlError> {
    tx.execute(
        "UPDATE auth_token SET revoked_at = ?2
         WHERE user_id = ?1 AND purpose = 'session' AND revoked_at IS NULL",
        &[(&change.id).into(), change.at.into()],
    )
}

fn read_info(row: &Row<'_>) -> Result<UserInfo, SqlError> {
    let roles: Option<String> = row.get(5)?;
    Ok(UserInfo {
        id: row.get(0)?,
        name: row.get(1)?,
        namespace: lookup::namespace(row, 2)?,
        created_at: row.time(3)?,
        disabled_at: lookup::time(row, 4)?,
        roles: roles.iter().flat_map(|all| all.split(' ')).map(str::to_owned).collect(),
    })
}
