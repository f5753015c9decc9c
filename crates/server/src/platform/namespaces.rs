//! Namespaces and backups, for operators.

use std::path::PathBuf;

use axum::extract::State;
use http::StatusCode;
use kit::auth::{Act, Principal};
use kit::clock::{Clock, Timestamp};
use kit::http::{Json, Path, Problem};
use kit::namespace::{NamespaceInfo, NamespaceName};
use kit::sql::SqlError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Operator, Platform};
use crate::backup;

/// A namespace.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct NamespaceAnswer {
    #[schema(value_type = String)]
    name: NamespaceName,
    /// RFC 3339.
    #[schema(value_type = String)]
    created_at: Timestamp,
    /// What its files come to; what forks share counts for each.
    bytes: u64,
    /// Whether any system of it is open.
    open: bool,
}

impl From<NamespaceInfo> for NamespaceAnswer {
    fn from(info: NamespaceInfo) -> Self {
        let NamespaceInfo { name, created_at, bytes, open } = info;
        Self { name, created_at, bytes, open }
    }
}

/// All namespaces.
#[derive(Serialize, ToSchema)]
pub(super) struct NamespacesAnswer {
    /// By name.
    items: Vec<NamespaceAnswer>,
}

/// A namespace to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewNamespace {
    /// 1 to 40 of a-z, 0-9 and -, beginning and ending with a letter or digit.
    name: String,
}

/// Where a fork goes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ForkRequest {
    /// The new namespace's name.
    to: String,
}

/// List namespaces.
#[utoipa::path(get, path = "/platform/namespaces", tag = "platform",
    responses((status = 200, description = "By name", body = NamespacesAnswer)))]
pub(super) async fn list(
    State(platform): State<Platform>,
    operator: Operator,
) -> Result<Json<NamespacesAnswer>, Problem> {
    operator.require(Principal::ADMIN)?;
    let listing = tokio::task::spawn_blocking(move || platform.namespaces.list());
    let infos = listing.await.map_err(Problem::internal)??;
    Ok(Json(NamespacesAnswer { items: infos.into_iter().map(Into::into).collect() }))
}

/// Make an empty namespace.
#[utoipa::path(post, path = "/platform/namespaces", tag = "platform",
    request_body = NewNamespace, responses((status = 201, description = "It is there")))]
pub(super) async fn create(
    State(platform): State<Platform>,
    operator: Operator,
    Json(new): Json<NewNamespace>,
) -> Result<StatusCode, Problem> {
    operator.require(Principal::ADMIN)?;
    let name = named(&new.name)?;
    platform.namespaces.create(&name).await?;
    note(&platform, &operator, "namespace.create", (name.as_str(), "")).await?;
    Ok(StatusCode::CREATED)
}

/// Remove a namespace and all it holds.
#[utoipa::path(delete, path = "/platform/namespaces/{name}", tag = "platform",
    params(("name" = String, Path, description = "Which")),
    responses((status = 204, description = "It is gone")))]
pub(super) async fn remove(
    State(platform): State<Platform>,
    operator: Operator,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    operator.require(Principal::ADMIN)?;
    let name = named(&name)?;
    platform.namespaces.remove(&name).await?;
    note(&platform, &operator, "namespace.drop", (name.as_str(), "")).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Copy a namespace as it is at this moment; both then go their own ways.
#[utoipa::path(post, path = "/platform/namespaces/{name}/fork", tag = "platform",
    params(("name" = String, Path, description = "What to copy")),
    request_body = ForkRequest, responses((status = 201, description = "The copy is there")))]
pub(super) async fn fork(
    State(platform): State<Platform>,
    operator: Operator,
    Path(name): Path<String>,
    Json(request): Json<ForkRequest>,
) -> Result<StatusCode, Problem> {
    operator.require(Principal::ADMIN)?;
    let (from, to) = (named(&name)?, named(&request.to)?);
    platform.namespaces.fork(&from, &to).await?;
    note(&platform, &operator, "namespace.fork", (from.as_str(), to.as_str())).await?;
    Ok(StatusCode::CREATED)
}

/// Empty a namespace.
#[utoipa::path(post, path = "/platform/namespaces/{name}/reset", tag = "platform",
    params(("name" = String, Path, description = "Which")),
    responses((status = 204, description = "It is empty")))]
pub(super) async fn reset(
    State(platform): State<Platform>,
    operator: Operator,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    operator.require(Principal::ADMIN)?;
    let name = named(&name)?;
    platform.namespaces.reset(&name).await?;
    note(&platform, &operator, "namespace.reset", (name.as_str(), "")).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where a backup goes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BackupRequest {
    /// An absolute path on the server; made by the backup.
    #[schema(value_type = String)]
    to: PathBuf,
}

/// What a backup came to.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct BackupAnswer {
    files: usize,
    bytes: u64,
}

/// Copy the state of all systems, consistently, to a new directory of the server.
#[utoipa::path(post, path = "/platform/backup", tag = "platform",
    request_body = BackupRequest,
    responses((status = 201, description = "It is there", body = BackupAnswer)))]
pub(super) async fn backup(
    State(platform): State<Platform>,
    operator: Operator,
    Json(request): Json<BackupRequest>,
) -> Result<(StatusCode, Json<BackupAnswer>), Problem> {
    operator.require(Principal::ADMIN)?;
    if !request.to.is_absolute() {
        return Err(Problem::bad_request("to: give an absolute path on the server"));
    }
    let text = request.to.display().to_string();
    let working = platform.clone();
    let made = tokio::task::spawn_blocking(move || {
        let taken_at = Clock::system().now().to_string();
        backup::make(&request.to, taken_at, |unfinished| {
            let refused = |error: kit::namespace::NamespaceError| {
                backup::BackupError::Refused(error.to_string())
            };
            working.namespaces.snapshot_all(unfinished).map_err(refused)?;
            working.snapshot_control(unfinished)
        })
    });
    let manifest = made.await.map_err(Problem::internal)?;
    let manifest = manifest.map_err(backup_problem)?;
    note(&platform, &operator, "backup.make", (&text, "")).await?;
    let bytes = manifest.files.iter().map(|entry| entry.bytes).sum();
    Ok((StatusCode::CREATED, Json(BackupAnswer { files: manifest.files.len(), bytes })))
}

/// The path is the caller's, so what is wrong with it is told.
fn backup_problem(error: backup::BackupError) -> Problem {
    let text = error.to_string();
    match error {
        backup::BackupError::Exists(_) => Problem::conflict(text),
        backup::BackupError::Io(path, error) => match SqlError::from_io(&path, &error) {
            full @ SqlError::Full(_) => full.into(),
            _ => Problem::unprocessable(text),
        },
        _ => Problem::unprocessable(text),
    }
}

fn named(text: &str) -> Result<NamespaceName, Problem> {
    text.parse().map_err(|error: kit::namespace::BadName| Problem::bad_request(error.to_string()))
}

async fn note(
    platform: &Platform,
    operator: &Operator,
    action: &'static str,
    (subject, detail): (&str, &str),
) -> Result<(), Problem> {
    let act = Act {
        action,
        subject: subject.to_owned(),
        detail: detail.to_owned(),
        at: Clock::system().now(),
    };
    Ok(platform.auth.audit(&operator.0, act).await?)
}
