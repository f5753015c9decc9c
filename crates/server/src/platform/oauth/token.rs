//! The token endpoint (RFC 6749, 3.2).

use axum::extract::State;
use axum::response::IntoResponse;
use http::HeaderMap;
use kit::auth::Secret;
use kit::auth::oauth::{GrantKind, OAuthError, TokenRequest};
use kit::http::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::Platform;
use super::fields::{Fields, Form};
use super::refusal::{OAuthErrorAnswer, Refusal};
use super::{NEVER_KEPT, client};

/// What a client sends; which fields depends on the grant.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form; `Fields` reads it")]
pub(in super::super) struct TokenForm {
    /// `authorization_code`, `client_credentials`, `refresh_token` or
    /// `urn:ietf:params:oauth:grant-type:device_code`.
    grant_type: String,
    /// Unless the client shows itself by `Authorization: Basic`.
    client_id: Option<String>,
    /// Unless the client is public.
    client_secret: Option<String>,
    code: Option<String>,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
    refresh_token: Option<String>,
    device_code: Option<String>,
    scope: Option<String>,
}

/// A token.
#[derive(Serialize, ToSchema)]
pub(in super::super) struct IssuedAnswer {
    access_token: String,
    /// `Bearer`.
    token_type: &'static str,
    /// In seconds.
    expires_in: u64,
    /// Works once; for clients that are registered for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// What the token may do today, with spaces between.
    scope: String,
}

/// Get a token for a code, a refresh token, a device code or the client's own secret.
#[utoipa::path(post, path = "/oauth/token", tag = "oauth", operation_id = "oauth_token",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A token", body = IssuedAnswer),
        (status = 400, description = "Why there is none", body = OAuthErrorAnswer),
        (status = 401, description = "The client is unknown", body = OAuthErrorAnswer),
        (status = 503, description = "Not now", body = OAuthErrorAnswer)))]
pub(in super::super) async fn token(
    State(platform): State<Platform>,
    headers: HeaderMap,
    Form(fields): Form,
) -> Result<impl IntoResponse, Refusal> {
    let request = request(&fields)?;
    let issued = platform.auth.issue(client(&headers, &fields)?, request).await?;
    let answer = IssuedAnswer {
        access_token: issued.access_token.expose().to_owned(),
        token_type: "Bearer",
        expires_in: issued.expires_in.as_secs(),
        refresh_token: issued.refresh_token.map(|token| token.expose().to_owned()),
        scope: issued.scopes.to_string(),
    };
    Ok((NEVER_KEPT, Json(answer)))
}

fn request(fields: &Fields) -> Result<TokenRequest, OAuthError> {
    let grant = fields.need("grant_type", "grant_type is missing")?;
    let secret = |name, missing| fields.need(name, missing).map(Secret::new);
    let scope = fields.text("scope");
    Ok(match GrantKind::named(&grant).ok_or(OAuthError::UnsupportedGrantType)? {
        GrantKind::AuthorizationCode => TokenRequest::Code {
            code: secret("code", "code is missing")?,
            redirect_uri: fields.need("redirect_uri", "redirect_uri is missing")?,
            verifier: secret("code_verifier", "code_verifier is missing")?,
        },
        GrantKind::ClientCredentials => TokenRequest::OwnCredentials { scope },
        GrantKind::RefreshToken => TokenRequest::Refresh {
            token: secret("refresh_token", "refresh_token is missing")?,
            scope,
        },
        GrantKind::DeviceCode => {
            TokenRequest::Device { code: secret("device_code", "device_code is missing")? }
        }
    })
}
