//! Branded domains and blocked hosts.

use http::StatusCode;
use kit::http::{Json, Path, Problem};

use super::wire::{HostRequest, HostsAnswer};
use super::{ADMIN, Asking, READ};
use crate::admin::HostList;

/// The namespace's own domains.
#[utoipa::path(
    get,
    path = "/domains",
    tag = "hosts",
    responses((status = 200, description = "By name", body = HostsAnswer))
)]
pub(super) async fn domains(asking: Asking) -> Result<Json<HostsAnswer>, Problem> {
    asking.require(READ)?;
    list(&asking, HostList::Domains).await
}

/// Add a domain, on which codes of its own can then be made.
#[utoipa::path(
    post,
    path = "/domains",
    tag = "hosts",
    request_body = HostRequest,
    responses((status = 201, description = "Added"), (status = 200, description = "Was there"))
)]
pub(super) async fn add_domain(
    asking: Asking,
    Json(request): Json<HostRequest>,
) -> Result<StatusCode, Problem> {
    add(&asking, HostList::Domains, &request.host).await
}

/// Remove a domain; its links stay and answer again when it is added again.
#[utoipa::path(
    delete,
    path = "/domains/{host}",
    tag = "hosts",
    params(("host" = String, Path, description = "The domain")),
    responses((status = 204, description = "Removed"))
)]
pub(super) async fn remove_domain(
    asking: Asking,
    Path(host): Path<String>,
) -> Result<StatusCode, Problem> {
    remove(&asking, HostList::Domains, &host).await
}

/// Hosts that no link may lead to, with everything below them.
#[utoipa::path(
    get,
    path = "/blocklist",
    tag = "hosts",
    responses((status = 200, description = "By name", body = HostsAnswer))
)]
pub(super) async fn blocked(asking: Asking) -> Result<Json<HostsAnswer>, Problem> {
    asking.require(ADMIN)?;
    list(&asking, HostList::Blocked).await
}

/// Block a host: links to it answer 410 from now on, and none can be made.
#[utoipa::path(
    post,
    path = "/blocklist",
    tag = "hosts",
    request_body = HostRequest,
    responses((status = 201, description = "Added"), (status = 200, description = "Was there"))
)]
pub(super) async fn block(
    asking: Asking,
    Json(request): Json<HostRequest>,
) -> Result<StatusCode, Problem> {
    add(&asking, HostList::Blocked, &request.host).await
}

/// Unblock a host; its links answer again.
#[utoipa::path(
    delete,
    path = "/blocklist/{host}",
    tag = "hosts",
    params(("host" = String, Path, description = "The host")),
    responses((status = 204, description = "Removed"))
)]
pub(super) async fn unblock(
    asking: Asking,
    Path(host): Path<String>,
) -> Result<StatusCode, Problem> {
    remove(&asking, HostList::Blocked, &host).await
}

async fn list(asking: &Asking, list: HostList) -> Result<Json<HostsAnswer>, Problem> {
    let hosts = asking.shortener.hosts(list).await?;
    Ok(Json(HostsAnswer { items: hosts.into_iter().map(Into::into).collect() }))
}

async fn add(asking: &Asking, list: HostList, host: &str) -> Result<StatusCode, Problem> {
    asking.require(ADMIN)?;
    let is_new = asking.shortener.add_host(&asking.author, list, host).await?;
    Ok(if is_new { StatusCode::CREATED } else { StatusCode::OK })
}

async fn remove(asking: &Asking, list: HostList, host: &str) -> Result<StatusCode, Problem> {
    asking.require(ADMIN)?;
    match asking.shortener.remove_host(list, host).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(Problem::not_found(format!("{host} is not on the list"))),
    }
}
