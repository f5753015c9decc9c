//! Credentials: log-in, tokens, and who did what.

use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use http::StatusCode;
use kit::auth::{
    AuditPage, AuditRow, Login, NewToken, Scopes, Secret, TokenCursor, TokenInfo, TokenPage,
};
use kit::clock::{Clock, Timestamp};
use kit::http::{Json, Page, PageQuery, Path, Peer, Problem, Query};
use kit::namespace::NamespaceName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Operator, Platform};

/// A user's name and password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LoginRequest {
    user: String,
    password: String,
}

/// A session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct LoginAnswer {
    /// A bearer token.
    token: String,
    /// RFC 3339.
    #[schema(value_type = String)]
    expires_at: Timestamp,
    namespace: String,
}

/// Log in by password.
#[utoipa::path(post, path = "/platform/login", tag = "platform", request_body = LoginRequest,
    responses((status = 200, description = "A session", body = LoginAnswer)))]
pub(super) async fn login(
    State(platform): State<Platform>,
    Extension(peer): Extension<Peer>,
    Json(request): Json<LoginRequest>,
) -> Result<Json<LoginAnswer>, Problem> {
    let source = Some(peer.address.ip());
    let attempt = Login { user: request.user, password: Secret::new(request.password), source };
    let session = platform.auth.login(attempt).await?;
    Ok(Json(LoginAnswer {
        token: session.token.expose().to_owned(),
        expires_at: session.expires_at,
        namespace: session.principal.namespace.to_string(),
    }))
}

/// End the session whose token this request carries.
#[utoipa::path(post, path = "/platform/logout", tag = "platform",
    responses((status = 204, description = "The token no longer works")))]
pub(super) async fn logout(
    State(platform): State<Platform>,
    headers: http::HeaderMap,
) -> Result<StatusCode, Problem> {
    let bearer = headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = bearer.and_then(|value| value.strip_prefix("Bearer "));
    let token = token.ok_or_else(|| Problem::unauthorized("send the session's token"))?;
    platform.auth.logout(token).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A token without its secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TokenAnswer {
    id: String,
    name: String,
    /// Such as `shortener:write`.
    scopes: Vec<String>,
    namespace: String,
    /// RFC 3339, as are the times below.
    #[schema(value_type = String)]
    created_at: Timestamp,
    #[schema(value_type = Option<String>)]
    expires_at: Option<Timestamp>,
    #[schema(value_type = Option<String>)]
    last_used_at: Option<Timestamp>,
    #[schema(value_type = Option<String>)]
    revoked_at: Option<Timestamp>,
    /// The token itself, in the answer that made it only.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl From<TokenInfo> for TokenAnswer {
    fn from(info: TokenInfo) -> Self {
        Self {
            id: info.id,
            name: info.name,
            scopes: info.scopes.to_string().split(' ').map(str::to_owned).collect(),
            namespace: info.namespace.to_string(),
            created_at: info.created_at,
            expires_at: info.expires_at,
            last_used_at: info.last_used_at,
            revoked_at: info.revoked_at,
            secret: None,
        }
    }
}

/// What a token is made from.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TokenRequest {
    /// For people.
    name: String,
    /// At most what you may do yourself.
    scopes: Vec<String>,
    /// Yours unless told.
    namespace: Option<String>,
    /// Never unless told.
    expires_in_seconds: Option<u64>,
}

/// List tokens of your namespace, newest first.
#[utoipa::path(get, path = "/platform/tokens", tag = "platform", params(PageQuery),
    responses((status = 200, description = "A page of tokens", body = Page<TokenAnswer>)))]
pub(super) async fn list(
    State(platform): State<Platform>,
    operator: Operator,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<TokenAnswer>>, Problem> {
    let after = page.position::<(i64, String)>()?.map(|(created_at_us, id)| TokenCursor {
        created_at: Timestamp::from_micros(created_at_us),
        id,
    });
    let wanted = TokenPage { namespace: None, after, limit: page.limit() + 1 };
    let tokens = platform.auth.list_tokens(&operator.0, wanted).await?;
    let page =
        Page::cut(tokens, page.limit(), |token| (token.created_at.micros(), token.id.clone()))?;
    let items = page.items.into_iter().map(TokenAnswer::from).collect();
    Ok(Json(Page { items, next_cursor: page.next_cursor }))
}

/// Make a token. Its text is in this answer and nowhere else.
#[utoipa::path(post, path = "/platform/tokens", tag = "platform", request_body = TokenRequest,
    responses((status = 201, description = "The token", body = TokenAnswer)))]
pub(super) async fn create(
    State(platform): State<Platform>,
    operator: Operator,
    Json(request): Json<TokenRequest>,
) -> Result<(StatusCode, Json<TokenAnswer>), Problem> {
    let refused = |what: String| Problem::bad_request(what);
    let scopes: Scopes =
        request.scopes.join(" ").parse().map_err(|error| refused(format!("scopes: {error}")))?;
    let namespace = request.namespace.map(|name| name.parse::<NamespaceName>()).transpose();
    let namespace = namespace.map_err(|error| refused(error.to_string()))?;
    let expires_in = request.expires_in_seconds.map(Duration::from_secs);
    let expires_at = expires_in.map(|span| Clock::system().now().plus(span));
    let new = NewToken { name: request.name, scopes, namespace, expires_at };
    let (info, secret) = platform.auth.create_token(&operator.0, new).await?;
    let answer = TokenAnswer { secret: Some(secret.expose().to_owned()), ..info.into() };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Revoke a token, at once.
#[utoipa::path(delete, path = "/platform/tokens/{id}", tag = "platform",
    params(("id" = String, Path, description = "As the list shows it")),
    responses((status = 204, description = "It no longer works")))]
pub(super) async fn revoke(
    State(platform): State<Platform>,
    operator: Operator,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    platform.auth.revoke_token(&operator.0, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Who did what.
#[derive(Serialize, ToSchema)]
pub(super) struct ActAnswer {
    /// RFC 3339.
    #[schema(value_type = String)]
    at: Timestamp,
    principal: String,
    /// As `noun.verb`.
    action: String,
    subject: String,
    detail: String,
}

impl From<AuditRow> for ActAnswer {
    fn from(row: AuditRow) -> Self {
        Self {
            at: row.at,
            principal: row.principal_name,
            action: row.action,
            subject: row.subject,
            detail: row.detail,
        }
    }
}

/// The audit log, newest first.
#[utoipa::path(get, path = "/platform/audit", tag = "platform", params(PageQuery),
    responses((status = 200, description = "A page of acts", body = Page<ActAnswer>)))]
pub(super) async fn audit(
    State(platform): State<Platform>,
    operator: Operator,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<ActAnswer>>, Problem> {
    let own = operator.0.namespace.clone();
    let wanted = AuditPage { before_id: page.position::<i64>()?, limit: page.limit() + 1 };
    let sees_all = operator.0.may(kit::auth::Principal::ADMIN);
    let namespace = (!sees_all).then_some(&own);
    let rows = platform.auth.list_audit(&operator.0, namespace, wanted).await?;
    let page = Page::cut(rows, page.limit(), |row| row.id)?;
    let items = page.items.into_iter().map(ActAnswer::from).collect();
    Ok(Json(Page { items, next_cursor: page.next_cursor }))
}
