//! Users: made, given roles and passwords, and shut out.

use axum::extract::State;
use http::StatusCode;
use kit::auth::{NewUser, Secret, UserInfo, UserPage};
use kit::clock::Timestamp;
use kit::http::{Json, Page, PageQuery, Path, Problem, Query};
use kit::namespace::NamespaceName;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Operator, Platform};

/// A user.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct UserAnswer {
    id: String,
    name: String,
    namespace: String,
    roles: Vec<String>,
    /// RFC 3339.
    #[schema(value_type = String)]
    created_at: Timestamp,
    /// RFC 3339; absent for one who may log in.
    #[schema(value_type = Option<String>)]
    disabled_at: Option<Timestamp>,
}

impl From<UserInfo> for UserAnswer {
    fn from(info: UserInfo) -> Self {
        let UserInfo { id, name, namespace, roles, created_at, disabled_at } = info;
        Self { id, name, namespace: namespace.to_string(), roles, created_at, disabled_at }
    }
}

/// A user to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserRequest {
    /// 1 to 64 of a-z, 0-9 and `. _ @ + -`.
    name: String,
    /// 8 to 1,024 bytes.
    password: String,
    /// Such as `admin`, `editor`, `reader`.
    #[serde(default)]
    roles: Vec<String>,
    /// Yours unless told.
    namespace: Option<String>,
}

/// What is to change of a user.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UserChange {
    /// The new password.
    password: Option<String>,
    /// All roles from now on.
    roles: Option<Vec<String>>,
    /// Whether the user is shut out, at once.
    disabled: Option<bool>,
}

/// List users by name.
#[utoipa::path(get, path = "/platform/users", tag = "platform", params(PageQuery),
    responses((status = 200, description = "A page of users", body = Page<UserAnswer>)))]
pub(super) async fn list(
    State(platform): State<Platform>,
    operator: Operator,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<UserAnswer>>, Problem> {
    let wanted = UserPage { after_name: page.position::<String>()?, limit: page.limit() + 1 };
    let users = platform.auth.list_users(&operator.0, wanted).await?;
    let page = Page::cut(users, page.limit(), |user| user.name.clone())?;
    let items = page.items.into_iter().map(UserAnswer::from).collect();
    Ok(Json(Page { items, next_cursor: page.next_cursor }))
}

/// Make a user.
#[utoipa::path(post, path = "/platform/users", tag = "platform", request_body = UserRequest,
    responses((status = 201, description = "The user", body = UserAnswer)))]
pub(super) async fn create(
    State(platform): State<Platform>,
    operator: Operator,
    Json(request): Json<UserRequest>,
) -> Result<(StatusCode, Json<UserAnswer>), Problem> {
    let namespace = request.namespace.map(|name| name.parse::<NamespaceName>()).transpose();
    let namespace = namespace.map_err(|error| Problem::bad_request(error.to_string()))?;
    let new = NewUser {
        name: request.name,
        password: Secret::new(request.password),
        roles: request.roles,
        namespace,
    };
    let made = platform.auth.create_user(&operator.0, new).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Change a user's password or roles, or shut the user out; in force at once.
#[utoipa::path(patch, path = "/platform/users/{name}", tag = "platform",
    params(("name" = String, Path, description = "Who")),
    request_body = UserChange,
    responses((status = 204, description = "Done")))]
pub(super) async fn change(
    State(platform): State<Platform>,
    operator: Operator,
    Path(name): Path<String>,
    Json(change): Json<UserChange>,
) -> Result<StatusCode, Problem> {
    let (auth, actor) = (&platform.auth, &operator.0);
    if let Some(password) = change.password {
        auth.set_password(actor, &name, Secret::new(password)).await?;
    }
    if let Some(roles) = change.roles {
        auth.set_roles(actor, &name, roles).await?;
    }
    match change.disabled {
        Some(true) => auth.disable(actor, &name).await?,
        Some(false) => auth.enable(actor, &name).await?,
        None => {}
    }
    Ok(StatusCode::NO_CONTENT)
}
