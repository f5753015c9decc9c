//! A client: a program that is known by name, by what it may ask for, and by a secret if it can
//! keep one.

use super::{OAuthError, redirect};
use crate::auth::{AuthError, Kind, Principal, Scopes, Secret};
use crate::clock::Timestamp;
use crate::namespace::NamespaceName;

/// Characters of a client's name.
const NAME_LENGTH_MAX: usize = 100;
/// Redirect URIs of one client.
const REDIRECTS_MAX: usize = 10;

/// By what a client gets tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum GrantKind {
    /// A user's consent in a browser (RFC 6749, 4.1).
    AuthorizationCode,
    /// The client's own secret, for itself (RFC 6749, 4.4).
    ClientCredentials,
    /// A refresh token of the first or the last kind (RFC 6749, 6).
    RefreshToken,
    /// A user's consent in the browser of another machine (RFC 8628).
    DeviceCode,
}

/// Who a new client is to be.
#[derive(Clone, Debug)]
pub struct NewClient {
    /// What users see: 1 to 100 characters.
    pub name: String,
    /// Where browsers may be sent back to, at most 10.
    pub redirect_uris: Vec<String>,
    /// By what it gets tokens.
    pub grants: Vec<GrantKind>,
    /// The most that a token of it may do: at most what its maker may.
    pub scopes: Scopes,
    /// Whose state its own tokens are for; none for its maker's.
    pub namespace: Option<NamespaceName>,
    /// Whether it cannot keep a secret: an app in a browser or on a phone.
    pub is_public: bool,
}

/// All that is known of a client, save its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientInfo {
    /// Its `client_id`.
    pub id: String,
    /// See [`NewClient::name`].
    pub name: String,
    /// See [`NewClient::namespace`].
    pub namespace: NamespaceName,
    /// See [`NewClient::redirect_uris`].
    pub redirect_uris: Vec<String>,
    /// In order.
    pub grants: Vec<GrantKind>,
    /// See [`NewClient::scopes`].
    pub scopes: Scopes,
    /// See [`NewClient::is_public`].
    pub is_public: bool,
    /// [`Principal::id`] of its maker.
    pub created_by: String,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// What a client shows for itself.
#[derive(Clone, Debug)]
pub struct ClientCredential {
    /// Its `client_id`.
    pub id: String,
    /// Its secret; none for a public client.
    pub secret: Option<Secret>,
}

impl GrantKind {
    /// Every kind, in order.
    pub const ALL: [Self; 4] =
        [Self::AuthorizationCode, Self::ClientCredentials, Self::RefreshToken, Self::DeviceCode];

    /// The registered name, as `grant_type` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::ClientCredentials => "client_credentials",
            Self::RefreshToken => "refresh_token",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
        }
    }

    /// The kind of a registered name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl NewClient {
    /// Whether such a client can be.
    pub(super) fn check(&self) -> Result<(), AuthError> {
        let wrong = |rule: String| Err(AuthError::Invalid(rule));
        let length = self.name.chars().count();
        if !(1..=NAME_LENGTH_MAX).contains(&length) || self.name.chars().any(char::is_control) {
            return wrong(format!(
                "a client's name has 1 to {NAME_LENGTH_MAX} printable characters"
            ));
        }
        if self.redirect_uris.len() > REDIRECTS_MAX {
            return wrong(format!("a client has at most {REDIRECTS_MAX} redirect URIs"));
        }
        for uri in &self.redirect_uris {
            redirect::check(uri).map_err(|rule| AuthError::Invalid(rule.to_owned()))?;
        }
        let (has, rule) = (|kind| self.grants.contains(&kind), str::to_owned);
        let (code, device) = (has(GrantKind::AuthorizationCode), has(GrantKind::DeviceCode));
        if self.grants.is_empty() {
            return wrong(rule("a client needs at least one grant"));
        }
        if code == self.redirect_uris.is_empty() {
            return wrong(rule("redirect URIs go with the grant authorization_code: both or none"));
        }
        if has(GrantKind::ClientCredentials) && self.is_public {
            return wrong(rule("a public client has no credentials of its own to show"));
        }
        if has(GrantKind::RefreshToken) && !code && !device {
            return wrong(rule("refresh_token goes with a grant by users"));
        }
        if self.scopes.is_empty() {
            return wrong(rule("a client needs at least one scope"));
        }
        Ok(())
    }
}

impl ClientInfo {
    /// Refuses a client that is not registered for `kind`.
    pub(super) fn require(&self, kind: GrantKind) -> Result<(), OAuthError> {
        if self.grants.contains(&kind) {
            return Ok(());
        }
        Err(OAuthError::UnauthorizedClient(kind.name()))
    }

    /// What is asked for; everything that the client may ask for when nothing is named.
    ///
    /// # Errors
    /// [`OAuthError::InvalidScope`].
    pub(super) fn scopes_asked(&self, text: Option<&str>) -> Result<Scopes, OAuthError> {
        narrowed(&self.scopes, text)
    }

    /// The client acting for itself.
    pub(super) fn principal(&self) -> Principal {
        Principal {
            id: format!("client:{}", self.id),
            kind: Kind::Service,
            name: self.name.clone(),
            namespace: self.namespace.clone(),
            scopes: self.scopes.clone(),
        }
    }
}

/// `text` as scopes within `bounds`; the bounds themselves when it names none.
pub(super) fn narrowed(bounds: &Scopes, text: Option<&str>) -> Result<Scopes, OAuthError> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(bounds.clone()) };
    let asked: Scopes = text
        .parse()
        .map_err(|error: crate::auth::BadScopes| OAuthError::InvalidScope(error.to_string()))?;
    if asked.is_empty() || !bounds.covers(&asked) {
        return Err(OAuthError::InvalidScope(format!("at most these can be had: {bounds}")));
    }
    Ok(asked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(grants: &[GrantKind]) -> NewClient {
        NewClient {
            name: "an app".to_owned(),
            redirect_uris: vec!["https://app.example/callback".to_owned()],
            grants: grants.to_vec(),
            scopes: "shortener:*".parse().unwrap(),
            namespace: None,
            is_public: false,
        }
    }

    #[test]
    fn clients_that_cannot_be_are_refused() {
        let code = new(&[GrantKind::AuthorizationCode, GrantKind::RefreshToken]);
        assert!(code.check().is_ok());
        let device = NewClient { redirect_uris: Vec::new(), ..new(&[GrantKind::DeviceCode]) };
        assert!(device.check().is_ok());
        let plain = "http://app.example/callback".to_owned();
        let credentials = [GrantKind::AuthorizationCode, GrantKind::ClientCredentials];
        for (bad, word) in [
            (NewClient { name: String::new(), ..code.clone() }, "name"),
            (NewClient { redirect_uris: Vec::new(), ..code.clone() }, "both or none"),
            (NewClient { redirect_uris: vec![plain], ..code.clone() }, "https"),
            (new(&[]), "at least one grant"),
            (new(&[GrantKind::DeviceCode]), "both or none"),
            (NewClient { is_public: true, ..new(&credentials) }, "public client"),
            (NewClient { scopes: Scopes::default(), ..code }, "scope"),
            (NewClient { grants: vec![GrantKind::RefreshToken], ..device }, "by users"),
        ] {
            let refusal = bad.check().unwrap_err().to_string();
            assert!(refusal.contains(word), "{refusal}");
        }
    }

    #[test]
    fn scopes_are_asked_for_within_bounds() {
        let bounds: Scopes = "shortener:*".parse().unwrap();
        let asked = |text| narrowed(&bounds, text).map(|scopes| scopes.to_string());
        assert_eq!(asked(None).unwrap(), "shortener:*");
        assert_eq!(asked(Some("")).unwrap(), "shortener:*");
        assert_eq!(asked(Some("shortener:read")).unwrap(), "shortener:read");
        for bad in ["*", "queue:read", "openid", " "] {
            assert!(matches!(asked(Some(bad)), Err(OAuthError::InvalidScope(_))), "{bad}");
        }
    }

    #[test]
    fn grants_have_their_registered_names() {
        for kind in GrantKind::ALL {
            assert_eq!(GrantKind::named(kind.name()), Some(kind));
        }
        assert_eq!(GrantKind::named("password"), None);
    }
}
