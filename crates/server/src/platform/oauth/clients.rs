//! Clients of OAuth, for operators.

use axum::extract::State;
use http::StatusCode;
use kit::auth::Scopes;
use kit::auth::oauth::{ClientInfo, ClientPage, GrantKind, NewClient};
use kit::clock::Timestamp;
use kit::http::{Json, Page, PageQuery, Path, Problem, Query};
use kit::namespace::NamespaceName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::{Operator, Platform};

/// A client without its secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(in super::super) struct ClientAnswer {
    /// Its `client_id`.
    id: String,
    name: String,
    namespace: String,
    redirect_uris: Vec<String>,
    /// Such as `authorization_code`.
    grants: Vec<&'static str>,
    /// Such as `shortener:read`.
    scopes: Vec<String>,
    /// Whether it has no secret.
    public: bool,
    /// RFC 3339.
    #[schema(value_type = String)]
    created_at: Timestamp,
    /// The secret itself, in the answer that made it only.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl From<ClientInfo> for ClientAnswer {
    fn from(info: ClientInfo) -> Self {
        Self {
            id: info.id,
            name: info.name,
            namespace: info.namespace.to_string(),
            redirect_uris: info.redirect_uris,
            grants: info.grants.into_iter().map(GrantKind::name).collect(),
            scopes: info.scopes.to_string().split(' ').map(str::to_owned).collect(),
            public: info.is_public,
            created_at: info.created_at,
            secret: None,
        }
    }
}

/// A client to register.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in super::super) struct ClientRequest {
    /// What users see when it asks them.
    name: String,
    /// Where browsers may be sent back to: https, or http to the user's own machine.
    #[serde(default)]
    redirect_uris: Vec<String>,
    /// Of `authorization_code`, `client_credentials`, `refresh_token` and
    /// `urn:ietf:params:oauth:grant-type:device_code`.
    grants: Vec<String>,
    /// The most that a token of it may do.
    scopes: Vec<String>,
    /// Yours unless told.
    namespace: Option<String>,
    /// Whether it cannot keep a secret: an app in a browser or on a phone.
    #[serde(default)]
    public: bool,
}

/// List clients by ID.
#[utoipa::path(get, path = "/platform/oauth/clients", tag = "oauth", params(PageQuery),
    operation_id = "list_clients",
    responses((status = 200, description = "A page of clients", body = Page<ClientAnswer>)))]
pub(in super::super) async fn list(
    State(platform): State<Platform>,
    operator: Operator,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<ClientAnswer>>, Problem> {
    let wanted = ClientPage { after_id: page.position::<String>()?, limit: page.limit() + 1 };
    let clients = platform.auth.list_clients(&operator.0, wanted).await?;
    let page = Page::cut(clients, page.limit(), |client| client.id.clone())?;
    let items = page.items.into_iter().map(ClientAnswer::from).collect();
    Ok(Json(Page { items, next_cursor: page.next_cursor }))
}

/// Register a client. Its secret is in this answer and nowhere else.
#[utoipa::path(post, path = "/platform/oauth/clients", tag = "oauth",
    operation_id = "create_client", request_body = ClientRequest,
    responses((status = 201, description = "The client", body = ClientAnswer)))]
pub(in super::super) async fn create(
    State(platform): State<Platform>,
    operator: Operator,
    Json(request): Json<ClientRequest>,
) -> Result<(StatusCode, Json<ClientAnswer>), Problem> {
    let scopes: Result<Scopes, _> = request.scopes.join(" ").parse();
    let scopes = scopes.map_err(|error| Problem::bad_request(format!("scopes: {error}")))?;
    let namespace = request.namespace.map(|name| name.parse::<NamespaceName>()).transpose();
    let namespace = namespace.map_err(|error| Problem::bad_request(error.to_string()))?;
    let grants = request.grants.iter().map(|name| {
        let unknown = || Problem::bad_request(format!("grants: {name:?} is unknown here"));
        GrantKind::named(name).ok_or_else(unknown)
    });
    let new = NewClient {
        name: request.name,
        redirect_uris: request.redirect_uris,
        grants: grants.collect::<Result<_, _>>()?,
        scopes,
        namespace,
        is_public: request.public,
    };
    let (info, secret) = platform.auth.create_client(&operator.0, new).await?;
    let secret = secret.map(|secret| secret.expose().to_owned());
    Ok((StatusCode::CREATED, Json(ClientAnswer { secret, ..info.into() })))
}

/// Remove a client; all that it holds is refused at once.
#[utoipa::path(delete, path = "/platform/oauth/clients/{id}", tag = "oauth",
    operation_id = "remove_client",
    params(("id" = String, Path, description = "Its client_id")),
    responses((status = 204, description = "It is gone")))]
pub(in super::super) async fn remove(
    State(platform): State<Platform>,
    operator: Operator,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    platform.auth.remove_client(&operator.0, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}
