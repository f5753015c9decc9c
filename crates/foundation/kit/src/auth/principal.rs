//! Who is calling.

use std::str::FromStr;

use super::{AuthError, Scopes, jwt};
use crate::namespace::NamespaceName;

/// What kind of caller a principal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A person, by password or session.
    User,
    /// A program, by a token of limited scopes.
    Service,
    /// Whoever runs the house, by a token that may do `platform:admin`.
    Operator,
    /// A caller without a credential.
    Anonymous,
}

/// An authenticated caller, made from a credential by [`super::Auth`] and shared as an `Arc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// Unique and lasting: `user:ID`, `token:ID`, `client:ID`, `jwt:SUBJECT`, `dev:NAMESPACE`,
    /// `anonymous` or `house`. A client that acts for a user has the user's.
    pub id: String,
    /// See [`Kind`].
    pub kind: Kind,
    /// For people.
    pub name: String,
    /// Whose state the caller's requests are about.
    pub namespace: NamespaceName,
    /// What the caller may do there.
    pub scopes: Scopes,
}

impl Principal {
    /// The scope of those who administer users, roles and the tokens of every namespace.
    pub const ADMIN: &'static str = "platform:admin";

    /// The caller without a credential: reads and writes what services offer to the public.
    pub fn anonymous() -> Self {
        Self {
            id: "anonymous".to_owned(),
            kind: Kind::Anonymous,
            name: "anonymous".to_owned(),
            namespace: NamespaceName::default_name(),
            scopes: Scopes::default(),
        }
    }

    /// Whoever holds the data directory and runs a command on it: may do everything.
    pub fn house() -> Self {
        Self {
            id: "house".to_owned(),
            kind: Kind::Operator,
            name: "house".to_owned(),
            namespace: NamespaceName::default_name(),
            scopes: Scopes::all(),
        }
    }

    /// The operator of a namespace under `backplane dev`.
    pub(super) fn dev(namespace: NamespaceName) -> Self {
        Self {
            id: format!("dev:{namespace}"),
            kind: Kind::Operator,
            name: "dev".to_owned(),
            namespace,
            scopes: Scopes::all(),
        }
    }

    /// Whether the caller may do `needed` (`system:action`).
    pub fn may(&self, needed: &str) -> bool {
        self.scopes.allows(needed)
    }

    /// Whether another issuer vouches for the caller: there is no row here to bound what it makes.
    pub(super) fn is_foreign(&self) -> bool {
        self.id.starts_with(jwt::ID_PREFIX)
    }

    /// Refuses a caller that may not do `needed` (`system:action`).
    ///
    /// # Errors
    /// [`AuthError::Missing`] (401) for the anonymous, [`AuthError::Forbidden`] (403) for others.
    pub fn require(&self, needed: &str) -> Result<(), AuthError> {
        match self.kind {
            _ if self.may(needed) => Ok(()),
            Kind::Anonymous => Err(AuthError::Missing),
            _ => Err(AuthError::Forbidden(format!("the scope {needed}"))),
        }
    }
}

/// The namespace that a published token of `backplane dev` stands for: `dev`, `dev-NAMESPACE`.
pub(super) fn dev_namespace(token: &str) -> Option<NamespaceName> {
    match token.strip_prefix("dev")? {
        "" => Some(NamespaceName::default_name()),
        rest => NamespaceName::from_str(rest.strip_prefix('-')?).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dev_tokens_name_their_namespace() {
        let name = |token| dev_namespace(token).map(|name| name.to_string());
        assert_eq!(name("dev").as_deref(), Some("default"));
        assert_eq!(name("dev-team-7").as_deref(), Some("team-7"));
        for none in ["", "de", "dev-", "devteam", "dev-Team", "dev-../x", "Dev"] {
            assert_eq!(name(none), None, "{none}");
        }
    }

    #[test]
    fn the_anonymous_are_asked_for_a_credential_and_others_refused() {
        let anonymous = Principal::anonymous();
        assert!(matches!(anonymous.require("a:b"), Err(AuthError::Missing)));
        let reader = Principal { kind: Kind::Service, ..anonymous };
        assert!(matches!(reader.require("a:b"), Err(AuthError::Forbidden(_))));
        assert!(Principal::house().require("a:b").is_ok());
    }
}
