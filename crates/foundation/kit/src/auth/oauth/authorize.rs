//! A user allows a client something in a browser (RFC 6749, 4.1): what is asked for is checked,
//! then the user shows a password, and a code is given.

use super::client::{ClientInfo, GrantKind};
use super::store::{self, CodeRow, GrantRow};
use super::{CODE_FOR, CODE_PREFIX, OAuthError, mint, pkce, redirect};
use crate::auth::audit::{self, Act};
use crate::auth::login::{self, Proof};
use crate::auth::token::Digest;
use crate::auth::{Auth, AuthError, Login, Scopes, Secret};
use crate::clock::Timestamp;
use crate::sql::{SqlError, Tx};

/// Bytes of the state that a client gets back.
const STATE_LENGTH_MAX: usize = 1_000;
/// Random characters of a grant's ID.
const GRANT_ID_LENGTH: usize = 16;

/// The parameters of an authorization request, as they came.
#[derive(Clone, Debug, Default)]
pub struct AuthorizationRequest {
    /// Which client asks.
    pub client_id: String,
    /// Where the browser is to go back to.
    pub redirect_uri: String,
    /// `code`, or nothing is given.
    pub response_type: String,
    /// What is asked for; none for all that the client may ask for.
    pub scope: Option<String>,
    /// Returned as it came.
    pub state: Option<String>,
    /// RFC 7636; not optional here.
    pub code_challenge: String,
    /// `S256`, or nothing is given.
    pub code_challenge_method: String,
}

/// A request that may be shown to the user.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Who asks.
    pub client: ClientInfo,
    /// For what.
    pub scopes: Scopes,
    /// One that the client registered.
    pub redirect_uri: String,
    /// Returned as it came.
    pub state: Option<String>,
    challenge: String,
}

/// A request that may not.
#[derive(Clone, Debug)]
pub enum NotAsked {
    /// The browser may not be sent anywhere: neither the client nor the address can be trusted.
    Here(OAuthError),
    /// The client is told at its redirect URI, with its state.
    There {
        /// One that the client registered.
        redirect_uri: String,
        /// As it came.
        state: Option<String>,
        /// What to tell it.
        error: OAuthError,
    },
}

impl Auth {
    /// Checks a request for authorization. Nothing is given yet.
    ///
    /// # Errors
    /// See [`NotAsked`].
    pub async fn asked(&self, request: AuthorizationRequest) -> Result<Asked, NotAsked> {
        let id = request.client_id.clone();
        let find = move |tx: &mut Tx<'_>| store::find_client(tx, &id);
        let found = self.0.db.read::<_, SqlError>(find).await;
        let found = found.map_err(|error| NotAsked::Here(error.into()))?;
        let client = found.ok_or(NotAsked::Here(OAuthError::InvalidClient))?.info;
        let is_registered = |uri: &String| redirect::matches(uri, &request.redirect_uri);
        if !client.redirect_uris.iter().any(is_registered) {
            const OTHER: &str = "redirect_uri is none that the client has registered";
            return Err(NotAsked::Here(OAuthError::InvalidRequest(OTHER)));
        }
        let (redirect_uri, state) = (request.redirect_uri.clone(), request.state.clone());
        match checked(&client, &request) {
            Ok(scopes) => {
                Ok(Asked { client, scopes, redirect_uri, state, challenge: request.code_challenge })
            }
            Err(error) => Err(NotAsked::There { redirect_uri, state, error }),
        }
    }

    /// Gives the client a code once the user has shown who they are; it counts for a minute.
    ///
    /// # Errors
    /// [`OAuthError::Auth`] as for a log-in, [`OAuthError::AccessDenied`] when the user may do
    /// nothing of what is asked for.
    pub async fn allow(&self, asked: &Asked, attempt: Login) -> Result<Secret, OAuthError> {
        let turn = self.turn(&attempt.user, attempt.source).await?;
        let proof = self.prove(turn, attempt.password).await?;
        let (now, code) = (self.0.clock.now(), mint(CODE_PREFIX, &self.0.entropy));
        let grant = self.grant(&asked.client, asked.scopes.clone(), &proof, now);
        let row = CodeRow {
            grant_id: grant.id.clone(),
            redirect_uri: asked.redirect_uri.clone(),
            challenge: asked.challenge.clone(),
            expires_at: now.plus(CODE_FOR),
            used_at: None,
        };
        let digest = Digest::of(code.expose());
        let client_name = asked.client.name.clone();
        let write = move |tx: &mut Tx<'_>| {
            begin_grant(tx, &grant, (&proof, &client_name))?;
            Ok::<_, OAuthError>(store::insert_code(tx, &digest, &row)?)
        };
        self.0.db.write(write).await?;
        Ok(code)
    }

    /// A user's consent, not stored yet.
    pub(super) fn grant(
        &self,
        client: &ClientInfo,
        scopes: Scopes,
        proof: &Proof,
        at: Timestamp,
    ) -> GrantRow {
        GrantRow {
            id: self.0.entropy.text(GRANT_ID_LENGTH),
            client_id: client.id.clone(),
            user_id: proof.principal.id.clone(),
            scopes,
            created_at: at,
            is_ended: false,
        }
    }
}

/// Stores a user's consent, if the user still is who was proved and has something to give.
pub(super) fn begin_grant(
    tx: &mut Tx<'_>,
    grant: &GrantRow,
    (proof, client_name): (&Proof, &str),
) -> Result<(), OAuthError> {
    if !login::still_holds(tx, proof)? {
        return Err(AuthError::Unknown.into());
    }
    let who = &proof.principal;
    if who.scopes.intersect(&grant.scopes).is_empty() {
        return Err(OAuthError::AccessDenied);
    }
    store::insert_grant(tx, grant)?;
    let (subject, at) = (grant.client_id.clone(), grant.created_at);
    let detail = format!("{client_name}: {}", grant.scopes);
    Ok(audit::record(tx, who, &Act { action: "oauth.allow", subject, detail, at })?)
}

fn checked(client: &ClientInfo, request: &AuthorizationRequest) -> Result<Scopes, OAuthError> {
    client.require(GrantKind::AuthorizationCode)?;
    let invalid = |what| Err(OAuthError::InvalidRequest(what));
    match request.response_type.as_str() {
        "code" => {}
        "" => return invalid("response_type is missing"),
        _ => return Err(OAuthError::UnsupportedResponseType),
    }
    if request.code_challenge_method != pkce::METHOD {
        return invalid("code_challenge_method must be S256");
    }
    if !pkce::is_challenge(&request.code_challenge) {
        return invalid("code_challenge must be the base64url of a SHA-256");
    }
    if request.state.as_ref().is_some_and(|state| state.len() > STATE_LENGTH_MAX) {
        return invalid("state has at most 1,000 bytes");
    }
    client.scopes_asked(request.scope.as_deref())
}
