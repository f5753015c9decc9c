//! Rule files: seen, tried and changed.

use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use kit::door::May;
use kit::http::{Json, Path, Problem, body};

use super::wire::{LimitRehearsal, LimitRule, LimitRules};
use super::{Administer, Read};
use crate::rule_files::RuleFilesError;
use crate::rules::{RuleFile, RuleSet};
use crate::service::Limiter;

/// The rules in force, with what each decided so far.
#[utoipa::path(
    get,
    path = "/rules",
    tag = "rules",
    responses((status = 200, description = "In the order of the files", body = LimitRules))
)]
pub(super) async fn list(May(limiter): May<Read>) -> Result<Json<LimitRules>, Problem> {
    let rules = &limiter.rules;
    Ok(Json(LimitRules {
        rules: rules.load().rules().iter().map(|rule| LimitRule::of(rule)).collect(),
        files: rules.files().into_iter().map(|file| file.name).collect(),
        refused: limiter.refusal(),
    }))
}

/// A rule file as it is in force.
#[utoipa::path(
    get,
    path = "/rules/{file}",
    tag = "rules",
    params(("file" = String, Path, description = "Its name, such as auth.yaml")),
    responses((status = 200, description = "The text", body = String,
               content_type = "application/yaml"))
)]
pub(super) async fn show(
    May(limiter): May<Read>,
    Path(file): Path<String>,
) -> Result<Response, Problem> {
    let files = limiter.rules.files();
    let found = files.into_iter().find(|other| other.name == file);
    let found = found.ok_or(RuleFilesError::NotFound(file))?;
    Ok(([(header::CONTENT_TYPE, "application/yaml")], found.text).into_response())
}

/// Put a rule file in the place of its like; refused whole when one of its rules is wrong.
#[utoipa::path(
    put,
    path = "/rules/{file}",
    tag = "rules",
    params(("file" = String, Path, description = "Its name, such as auth.yaml")),
    request_body(content = String, content_type = "application/yaml"),
    responses((status = 204, description = "In force"))
)]
pub(super) async fn put(
    May(limiter): May<Administer>,
    Path(file): Path<String>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let file = RuleFile { name: file, text: text(request).await? };
    on_disk(move || limiter.rule_files.put(&limiter.rules, file)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove a rule file and its rules.
#[utoipa::path(
    delete,
    path = "/rules/{file}",
    tag = "rules",
    params(("file" = String, Path, description = "Its name, such as auth.yaml")),
    responses((status = 204, description = "Removed"))
)]
pub(super) async fn remove(
    May(limiter): May<Administer>,
    Path(file): Path<String>,
) -> Result<StatusCode, Problem> {
    on_disk(move || limiter.rule_files.remove(&limiter.rules, &file)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The rules of a file that is a candidate, beside those of the others; nothing changes.
#[utoipa::path(
    post,
    path = "/rules/{file}/validate",
    tag = "rules",
    params(("file" = String, Path, description = "Which file it would replace")),
    request_body(content = String, content_type = "application/yaml"),
    responses((status = 200, description = "All rules as they would be", body = LimitRules))
)]
pub(super) async fn validate(
    May(limiter): May<Read>,
    Path(file): Path<String>,
    request: Request,
) -> Result<Json<LimitRules>, Problem> {
    let (set, files) = candidate(&limiter, file, request).await?;
    let rules = set.rules().iter().map(|rule| LimitRule::of(rule)).collect();
    Ok(Json(LimitRules { rules, files, refused: None }))
}

/// What the recorded decisions would have been with a file that is a candidate.
#[utoipa::path(
    post,
    path = "/rules/{file}/replay",
    tag = "rules",
    params(("file" = String, Path, description = "Which file it would replace")),
    request_body(content = String, content_type = "application/yaml"),
    responses((status = 200, description = "Then and now", body = LimitRehearsal))
)]
pub(super) async fn replay(
    May(limiter): May<Read>,
    Path(file): Path<String>,
    request: Request,
) -> Result<Json<LimitRehearsal>, Problem> {
    let (set, _) = candidate(&limiter, file, request).await?;
    let rehearsed = tokio::task::spawn_blocking(move || limiter.rehearse(&set)).await;
    rehearsed.map(|rehearsal| Json(rehearsal.into())).map_err(Problem::internal)
}

async fn candidate(
    limiter: &Arc<Limiter>,
    name: String,
    request: Request,
) -> Result<(RuleSet, Vec<String>), Problem> {
    let file = RuleFile { name, text: text(request).await? };
    let limiter = Arc::clone(limiter);
    on_disk(move || {
        let files = limiter.rule_files.with(file)?;
        let set = limiter.rules.rehearse(&files)?;
        Ok((set, files.into_iter().map(|file| file.name).collect()))
    })
    .await
}

async fn text(request: Request) -> Result<String, Problem> {
    let bytes = body::read(request).await?;
    String::from_utf8(bytes.into()).map_err(|_| Problem::bad_request("The body is not UTF-8."))
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RuleFilesError> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done?),
        Err(panic) => Err(Problem::internal(panic)),
    }
}

impl From<RuleFilesError> for Problem {
    fn from(error: RuleFilesError) -> Self {
        let text = error.to_string();
        match error {
            RuleFilesError::Rule(error) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "rules", "The rules are refused")
                    .detail(text)
                    .with("file", error.file)
                    .with("line", error.line)
                    .with("reason", error.reason)
            }
            RuleFilesError::Name(_) => Self::unprocessable(text),
            RuleFilesError::NotFound(_) => Self::not_found(text),
            RuleFilesError::TooMany => Self::conflict(text),
            RuleFilesError::Folder(error) => Self::internal(error),
        }
    }
}
