//! What a client holds becomes a token (RFC 6749, 4.1.3, 4.4 and 6; RFC 8628, 3.4).

use std::time::Duration;

use super::client::{ClientCredential, ClientInfo, GrantKind, narrowed};
use super::store::{self, GrantRow, RefreshRow};
use super::{ACCESS_FOR, OAuthError, REFRESH_FOR, REFRESH_PREFIX, clients, device, mint, pkce};
use crate::auth::audit::{self, Act};
use crate::auth::lookup;
use crate::auth::token::{self, Digest};
use crate::auth::tokens::{self, Purpose, TokenInfo};
use crate::auth::{Auth, Kind, Principal, Scopes, Secret};
use crate::clock::Timestamp;
use crate::entropy::Entropy;
use crate::sql::Tx;

/// What a client asks a token for.
#[derive(Clone, Debug)]
pub enum TokenRequest {
    /// A code from an authorization, which it redeems.
    Code {
        /// The code.
        code: Secret,
        /// The redirect URI that the authorization named.
        redirect_uri: String,
        /// What the challenge was made from.
        verifier: Secret,
    },
    /// Nothing but its own secret.
    OwnCredentials {
        /// Less than all that it may have.
        scope: Option<String>,
    },
    /// A refresh token, which it trades in.
    Refresh {
        /// The refresh token.
        token: Secret,
        /// Less than what the user allowed.
        scope: Option<String>,
    },
    /// A device code, which it asks about again and again.
    Device {
        /// The device code.
        code: Secret,
    },
}

/// What a client gets.
#[derive(Clone, Debug)]
pub struct Issued {
    /// A bearer token as any other of the house.
    pub access_token: Secret,
    /// How long it counts.
    pub expires_in: Duration,
    /// To get the next one by; works once.
    pub refresh_token: Option<Secret>,
    /// What it may do today.
    pub scopes: Scopes,
}

/// Drawn before the transaction, which may run more than once.
struct Fresh {
    id: String,
    access: Secret,
    refresh: Secret,
    at: Timestamp,
}

/// Whose a token is to be.
struct Owner<'o> {
    client: &'o ClientInfo,
    /// None for the client itself.
    grant: Option<&'o GrantRow>,
    scopes: Scopes,
    kind: GrantKind,
}

impl Auth {
    /// Gives a client a token for what it shows.
    ///
    /// # Errors
    /// [`OAuthError::InvalidClient`], [`OAuthError::UnauthorizedClient`],
    /// [`OAuthError::InvalidGrant`], [`OAuthError::Reused`], [`OAuthError::InvalidScope`]; for a
    /// device also [`OAuthError::AuthorizationPending`], [`OAuthError::SlowDown`],
    /// [`OAuthError::ExpiredToken`], [`OAuthError::AccessDenied`]; [`OAuthError::Auth`].
    pub async fn issue(
        &self,
        credential: ClientCredential,
        request: TokenRequest,
    ) -> Result<Issued, OAuthError> {
        let fresh = Fresh::draw(&self.0.entropy, self.0.clock.now());
        // A refusal within an answer is kept: a reuse must be remembered though nothing is given.
        let write = move |tx: &mut Tx<'_>| {
            let client = clients::shown(tx, &credential)?;
            client.require(request.kind())?;
            match &request {
                TokenRequest::Code { code, redirect_uri, verifier } => {
                    let shown = (redirect_uri.as_str(), verifier.expose());
                    fresh.by_code(tx, &client, (&Digest::of(code.expose()), shown))
                }
                TokenRequest::OwnCredentials { scope } => {
                    let scopes = client.scopes_asked(scope.as_deref())?;
                    let kind = GrantKind::ClientCredentials;
                    fresh.issue(tx, &Owner { client: &client, grant: None, scopes, kind })
                }
                TokenRequest::Refresh { token, scope } => {
                    fresh.by_refresh(tx, &client, (token, scope.as_deref()))
                }
                TokenRequest::Device { code } => {
                    let digest = Digest::of(code.expose());
                    match device::answer(tx, &client, &digest, fresh.at)? {
                        Ok(grant) => {
                            let scopes = grant.scopes.clone();
                            let (grant, kind) = (Some(&grant), GrantKind::DeviceCode);
                            fresh.issue(tx, &Owner { client: &client, grant, scopes, kind })
                        }
                        Err(refusal) => Ok(Err(refusal)),
                    }
                }
            }
        };
        let answer = self.0.db.write(write).await?;
        if matches!(answer, Err(OAuthError::Reused)) {
            self.0.live.forget_all();
        }
        answer
    }
}

impl TokenRequest {
    fn kind(&self) -> GrantKind {
        match self {
            Self::Code { .. } => GrantKind::AuthorizationCode,
            Self::OwnCredentials { .. } => GrantKind::ClientCredentials,
            Self::Refresh { .. } => GrantKind::RefreshToken,
            Self::Device { .. } => GrantKind::DeviceCode,
        }
    }
}

/// What a transaction comes to: kept whether it gives or refuses.
type Kept = Result<Result<Issued, OAuthError>, OAuthError>;

impl Fresh {
    fn draw(entropy: &Entropy, at: Timestamp) -> Self {
        let (id, access) = token::mint(entropy);
        Self { id, access, refresh: mint(REFRESH_PREFIX, entropy), at }
    }

    fn by_code(
        &self,
        tx: &mut Tx<'_>,
        client: &ClientInfo,
        (digest, (redirect_uri, verifier)): (&Digest, (&str, &str)),
    ) -> Kept {
        const UNKNOWN: OAuthError =
            OAuthError::InvalidGrant("the code is unknown, or another client's");
        let code = store::find_code(tx, digest)?.ok_or(UNKNOWN)?;
        let grant = store::find_grant(tx, &code.grant_id)?.ok_or(UNKNOWN)?;
        if grant.client_id != client.id {
            return Err(UNKNOWN);
        }
        if code.used_at.is_some() {
            return self.reused(tx, client, &grant);
        }
        let refused = |what| Err(OAuthError::InvalidGrant(what));
        if self.at >= code.expires_at {
            return refused("the code has expired; ask the user again");
        }
        if code.redirect_uri != redirect_uri {
            return refused("redirect_uri is another one than the authorization named");
        }
        if !pkce::fits(verifier, &code.challenge) {
            return refused("code_verifier does not fit the challenge");
        }
        store::use_code(tx, digest, self.at)?;
        let (scopes, kind) = (grant.scopes.clone(), GrantKind::AuthorizationCode);
        self.issue(tx, &Owner { client, grant: Some(&grant), scopes, kind })
    }

    fn by_refresh(
        &self,
        tx: &mut Tx<'_>,
        client: &ClientInfo,
        (token, scope): (&Secret, Option<&str>),
    ) -> Kept {
        const UNKNOWN: OAuthError =
            OAuthError::InvalidGrant("the refresh token is unknown, or another client's");
        let digest = Digest::of(token.expose());
        let found = store::find_refresh(tx, &digest)?.ok_or(UNKNOWN)?;
        let grant = store::find_grant(tx, &found.grant_id)?.ok_or(UNKNOWN)?;
        if grant.client_id != client.id {
            return Err(UNKNOWN);
        }
        if found.used_at.is_some() {
            return self.reused(tx, client, &grant);
        }
        if self.at >= found.expires_at {
            return Err(OAuthError::InvalidGrant("the refresh token has expired"));
        }
        let scopes = narrowed(&grant.scopes, scope)?;
        store::use_refresh(tx, &digest, self.at)?;
        let kind = GrantKind::RefreshToken;
        self.issue(tx, &Owner { client, grant: Some(&grant), scopes, kind })
    }

    /// A second use: one of the two who hold it has stolen it, so neither keeps anything.
    fn reused(&self, tx: &mut Tx<'_>, client: &ClientInfo, grant: &GrantRow) -> Kept {
        store::end_grant(tx, &grant.id, self.at)?;
        let (subject, detail) = (client.id.clone(), format!("{}: {}", client.name, grant.user_id));
        let act = Act { action: "oauth.reuse", subject, detail, at: self.at };
        audit::record(tx, &client.principal(), &act)?;
        Ok(Err(OAuthError::Reused))
    }

    /// Stores the token, and a refresh token for a client that may have one.
    fn issue(&self, tx: &mut Tx<'_>, owner: &Owner<'_>) -> Kept {
        let who = match owner.grant {
            Some(grant) => user_of(tx, grant)?,
            None => owner.client.principal(),
        };
        let info = self.token(owner, &who);
        let user_id = owner.grant.map(|grant| grant.user_id.as_str());
        tokens::insert(tx, &info, &Digest::of(self.access.expose()), user_id)?;
        let grant_id = owner.grant.map(|grant| grant.id.as_str());
        store::mark_token(tx, &self.id, &owner.client.id, grant_id)?;
        let refreshes = owner.client.grants.contains(&GrantKind::RefreshToken);
        let family = grant_id.filter(|_| refreshes);
        if let Some(id) = family {
            let (grant_id, expires_at) = (id.to_owned(), self.at.plus(REFRESH_FOR));
            let row = RefreshRow { grant_id, expires_at, used_at: None };
            store::insert_refresh(tx, &Digest::of(self.refresh.expose()), &row)?;
        }
        let (name, by) = (&owner.client.name, owner.kind.name());
        let detail = format!("{} by {by} for {name}", owner.scopes);
        let act = Act { action: "oauth.issue", subject: self.id.clone(), detail, at: self.at };
        audit::record(tx, &who, &act)?;
        Ok(Ok(Issued {
            access_token: self.access.clone(),
            expires_in: ACCESS_FOR,
            refresh_token: family.map(|_| self.refresh.clone()),
            scopes: owner.scopes.intersect(&who.scopes),
        }))
    }

    fn token(&self, owner: &Owner<'_>, who: &Principal) -> TokenInfo {
        TokenInfo {
            id: self.id.clone(),
            purpose: Purpose::OAuth,
            name: owner.client.name.clone(),
            namespace: who.namespace.clone(),
            // Cut to the user's roles at every look-up.
            scopes: owner.scopes.clone(),
            created_by: who.id.clone(),
            created_at: self.at,
            expires_at: Some(self.at.plus(ACCESS_FOR)),
            last_used_at: None,
            revoked_at: None,
        }
    }
}

/// The user whose consent it is, as far as rights go today.
///
/// # Errors
/// [`OAuthError::InvalidGrant`] when the consent was ended or the user is gone.
fn user_of(tx: &mut Tx<'_>, grant: &GrantRow) -> Result<Principal, OAuthError> {
    const OVER: OAuthError = OAuthError::InvalidGrant("what the user allowed was taken back");
    let user = lookup::user_rights(tx, &grant.user_id)?.ok_or(OVER)?;
    if grant.is_ended || user.disabled {
        return Err(OVER);
    }
    let (id, name, namespace, scopes) =
        (grant.user_id.clone(), user.name, user.namespace, user.scopes);
    Ok(Principal { id, kind: Kind::Service, name, namespace, scopes })
}
