//! Tokens looked at (RFC 7662) and taken back (RFC 7009) by clients.

use axum::extract::State;
use axum::response::IntoResponse;
use http::{HeaderMap, StatusCode};
use kit::http::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::Platform;
use super::fields::Form;
use super::refusal::{OAuthErrorAnswer, Refusal};
use super::{Issuer, NEVER_KEPT, client};

/// A token to look at or to take back.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form; `Fields` reads it")]
pub(in super::super) struct ShownForm {
    token: String,
    /// Not needed: a token tells what it is.
    token_type_hint: Option<String>,
    /// Unless the client shows itself by `Authorization: Basic`.
    client_id: Option<String>,
    client_secret: Option<String>,
}

/// What a token is.
#[derive(Default, Serialize, ToSchema)]
pub(in super::super) struct IntrospectionAnswer {
    /// Whether it counts; nothing else is told of one that does not.
    active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    /// In seconds since 1970, as is `iat`.
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
}

/// What an access token may do, for a confidential client of the token's namespace.
#[utoipa::path(post, path = "/oauth/introspect", tag = "oauth",
    operation_id = "oauth_introspect",
    request_body(content = ShownForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "What it is", body = IntrospectionAnswer),
        (status = 400, description = "What is missing", body = OAuthErrorAnswer),
        (status = 401, description = "The client is unknown", body = OAuthErrorAnswer)))]
pub(in super::super) async fn introspect(
    State(platform): State<Platform>,
    Issuer(issuer): Issuer,
    headers: HeaderMap,
    Form(fields): Form,
) -> Result<impl IntoResponse, Refusal> {
    let credential = client(&headers, &fields)?;
    let token = fields.need("token", "token is missing")?;
    let found = platform.auth.introspect(credential, &token).await?;
    let answer = found.map_or_else(IntrospectionAnswer::default, |found| IntrospectionAnswer {
        active: true,
        scope: Some(found.scopes.to_string()),
        client_id: Some(found.client_id),
        username: Some(found.user_name),
        token_type: Some("Bearer"),
        exp: Some(found.expires_at.micros().div_euclid(1_000_000)),
        iat: Some(found.issued_at.micros().div_euclid(1_000_000)),
        sub: Some(found.subject),
        iss: Some(issuer),
    });
    Ok((NEVER_KEPT, Json(answer)))
}

/// Take back an access token, or a refresh token with all that came of the same consent.
#[utoipa::path(post, path = "/oauth/revoke", tag = "oauth", operation_id = "oauth_revoke",
    request_body(content = ShownForm, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "It no longer counts, if it ever did"),
        (status = 400, description = "What is missing", body = OAuthErrorAnswer),
        (status = 401, description = "The client is unknown", body = OAuthErrorAnswer)))]
pub(in super::super) async fn revoke(
    State(platform): State<Platform>,
    headers: HeaderMap,
    Form(fields): Form,
) -> Result<impl IntoResponse, Refusal> {
    let credential = client(&headers, &fields)?;
    let token = fields.need("token", "token is missing")?;
    platform.auth.revoke_issued(credential, &token).await?;
    Ok((StatusCode::OK, NEVER_KEPT))
}
