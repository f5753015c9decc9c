//! Links themselves: create, look up, change, delete, list.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use kit::http::{Json, Page, PageQuery, Path, Problem, Query};

use super::wire::{ChangeRequest, CreateRequest, DomainQuery, LinkAnswer, ListQuery};
use super::{Asking, READ, WRITE, address_of};
use crate::model::NewLink;
use crate::store::Filter;

/// Make a short link (path style A).
///
/// The same long URL gives the same code, unless the request has wishes of its own.
#[utoipa::path(
    post,
    path = "/api/v1/data/shorten",
    tag = "links",
    request_body = CreateRequest,
    responses(
        (status = 201, description = "A new link", body = LinkAnswer),
        (status = 200, description = "The link that this long URL has", body = LinkAnswer),
    )
)]
pub(super) async fn shorten(
    asking: Asking,
    Json(request): Json<CreateRequest>,
) -> Result<Response, Problem> {
    make(&asking, request).await
}

/// Make a short link (path style B).
///
/// The same long URL gives the same code, unless the request has wishes of its own.
#[utoipa::path(
    post,
    path = "/shorturl",
    tag = "links",
    request_body = CreateRequest,
    responses(
        (status = 201, description = "A new link", body = LinkAnswer),
        (status = 200, description = "The link that this long URL has", body = LinkAnswer),
    )
)]
pub(super) async fn create(
    asking: Asking,
    Json(request): Json<CreateRequest>,
) -> Result<Response, Problem> {
    make(&asking, request).await
}

async fn make(asking: &Asking, request: CreateRequest) -> Result<Response, Problem> {
    asking.require(WRITE)?;
    let new = NewLink::try_from(request)?;
    let created = asking.shortener.create(&asking.author, new).await?;
    let status = if created.is_new { StatusCode::CREATED } else { StatusCode::OK };
    let answer = LinkAnswer::new(created.link, &asking.base);
    let location = HeaderValue::from_str(&answer.short_url).ok();
    let mut response = (status, Json(answer)).into_response();
    if let Some(location) = location {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Where a short link leads, for programs (path style A).
#[utoipa::path(
    get,
    path = "/api/v1/{code}",
    tag = "links",
    params(("code" = String, Path, description = "The code or alias"), DomainQuery),
    responses((status = 200, description = "The link", body = LinkAnswer))
)]
pub(super) async fn target(
    asking: Asking,
    Path(code): Path<String>,
    Query(query): Query<DomainQuery>,
) -> Result<Json<LinkAnswer>, Problem> {
    answer_for(&asking, code, query.domain).await
}

/// Where a short link leads, for programs (path style B).
#[utoipa::path(
    get,
    path = "/shorturls/{code}",
    tag = "links",
    params(("code" = String, Path, description = "The code or alias"), DomainQuery),
    responses((status = 200, description = "The link", body = LinkAnswer))
)]
pub(super) async fn look_up(
    asking: Asking,
    Path(code): Path<String>,
    Query(query): Query<DomainQuery>,
) -> Result<Json<LinkAnswer>, Problem> {
    answer_for(&asking, code, query.domain).await
}

async fn answer_for(
    asking: &Asking,
    code: String,
    domain: Option<String>,
) -> Result<Json<LinkAnswer>, Problem> {
    asking.require(READ)?;
    let link = asking.shortener.look_up(&address_of(code, domain)).await?;
    let mut answer = LinkAnswer::new(link, &asking.base);
    // A password guards the target against lookups as well as against visits.
    if answer.password_protected && !asking.owns(&answer.created_by) {
        answer.long_url.clear();
    }
    Ok(Json(answer))
}

/// Change a link of your own.
#[utoipa::path(
    put,
    path = "/shorturls/{code}",
    tag = "links",
    params(("code" = String, Path, description = "The code or alias"), DomainQuery),
    request_body = ChangeRequest,
    responses((status = 200, description = "The link as it is now", body = LinkAnswer))
)]
pub(super) async fn change(
    asking: Asking,
    Path(code): Path<String>,
    Query(query): Query<DomainQuery>,
    Json(request): Json<ChangeRequest>,
) -> Result<Json<LinkAnswer>, Problem> {
    asking.require(WRITE)?;
    let address = address_of(code, query.domain);
    let link = asking.shortener.change(&asking.author, &address, request.try_into()?).await?;
    Ok(Json(LinkAnswer::new(link, &asking.base)))
}

/// Delete a link of your own. Its code is never given out again.
#[utoipa::path(
    delete,
    path = "/shorturls/{code}",
    tag = "links",
    params(("code" = String, Path, description = "The code or alias"), DomainQuery),
    responses((status = 204, description = "It is gone"))
)]
pub(super) async fn delete(
    asking: Asking,
    Path(code): Path<String>,
    Query(query): Query<DomainQuery>,
) -> Result<StatusCode, Problem> {
    asking.require(WRITE)?;
    let address = address_of(code, query.domain);
    asking.shortener.delete(&asking.author, &address).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Your links, newest first; an administrator sees those of everybody.
#[utoipa::path(
    get,
    path = "/users/me/shorturls",
    tag = "links",
    params(ListQuery),
    responses((status = 200, description = "A page of links", body = Page<LinkAnswer>))
)]
pub(super) async fn own(
    asking: Asking,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<LinkAnswer>>, Problem> {
    asking.require(READ)?;
    let page = PageQuery { cursor: query.cursor, limit: query.limit };
    let (limit, before) = (page.limit(), page.position::<i64>()?);
    let owner = (!asking.author.is_admin).then(|| asking.author.id.clone());
    let filter = Filter { owner, search: query.search, tag: query.tag };
    let links = asking.shortener.list(filter, before, limit as usize + 1).await?;
    let page = Page::cut(links, limit, |link| link.id)?;
    let items = page.items.into_iter().map(|link| LinkAnswer::new(link, &asking.base)).collect();
    Ok(Json(Page { items, next_cursor: page.next_cursor }))
}

impl Asking {
    /// Whether the caller may know all of a link that `creator` made.
    pub(crate) fn owns(&self, creator: &str) -> bool {
        self.author.is_admin || (!creator.is_empty() && creator == self.author.id)
    }
}
