//! Who the caller is, and the links of its group. A namespace is a group, and the only one of its
//! principals.

use axum::extract::Path;
use kit::http::{Cursor, Json, Problem, Query};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Bitly;
use super::refusal::Refusal;
use super::wire::{Bitlink, time};
use crate::http::{Asking, READ};
use crate::store::{Filter, Listing};

/// Links in a page unless the caller says otherwise, and at most (Bitly's own numbers).
const SIZE_DEFAULT: usize = 50;
const SIZE_MAX: usize = 100;

/// `GET /v4/user`.
pub(super) async fn user(bitly: Bitly) -> Result<Json<Value>, Refusal> {
    let asking = &bitly.asking;
    asking.require(READ)?;
    let principal = &asking.principal;
    Ok(Json(json!({
        "login": principal.id,
        "name": principal.name,
        "is_active": true,
        "is_sso_user": false,
        "is_2fa_enabled": false,
        "emails": [],
        "default_group_guid": principal.namespace.as_str(),
    })))
}

/// `GET /v4/groups`.
pub(super) async fn groups(bitly: Bitly) -> Result<Json<Value>, Refusal> {
    let asking = &bitly.asking;
    asking.require(READ)?;
    Ok(Json(json!({ "groups": [described(&bitly)] })))
}

/// `GET /v4/groups/{guid}`.
pub(super) async fn group(bitly: Bitly, Path(guid): Path<String>) -> Result<Json<Value>, Refusal> {
    let asking = &bitly.asking;
    asking.require(READ)?;
    refuse_others(asking, &guid)?;
    Ok(Json(described(&bitly)))
}

fn described(bitly: &Bitly) -> Value {
    let asking = &bitly.asking;
    let name = asking.principal.namespace.as_str();
    let domains: Vec<String> = asking.shortener.domains.load().to_vec();
    json!({
        "guid": name,
        "name": name,
        "organization_guid": name,
        "bsds": domains,
        "is_active": true,
        "role": if asking.author.is_admin { "org-admin" } else { "group-user" },
        "references": { "group": bitly.group_url() },
    })
}

fn refuse_others(asking: &Asking, guid: &str) -> Result<(), Refusal> {
    match guid == asking.principal.namespace.as_str() {
        true => Ok(()),
        false => Err(Refusal::not_found(format!("{guid} is no group of yours"))),
    }
}

/// The query of `GET /v4/groups/{guid}/bitlinks`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct BitlinksQuery {
    size: Option<usize>,
    search_after: Option<String>,
    /// The older way of paging.
    page: Option<u64>,
    #[serde(default)]
    query: String,
    #[serde(default)]
    tags: String,
    /// `on`, `off` or `both`.
    #[serde(default)]
    archived: String,
    #[serde(default)]
    created_before: String,
    #[serde(default)]
    created_after: String,
}

/// `GET /v4/groups/{guid}/bitlinks`: newest first, paged by `search_after`, or by `page`.
pub(super) async fn bitlinks(
    bitly: Bitly,
    Path(guid): Path<String>,
    query: Result<Query<BitlinksQuery>, Problem>,
) -> Result<Json<Value>, Refusal> {
    let asking = &bitly.asking;
    asking.require(READ)?;
    refuse_others(asking, &guid)?;
    let query = query?.0;
    let size = query.size.unwrap_or(SIZE_DEFAULT).clamp(1, SIZE_MAX);
    let page = query.page.unwrap_or(1).max(1);
    let after = query.search_after.as_deref().filter(|cursor| !cursor.is_empty());
    let before = after.map(Cursor::decode::<(i64, u64)>).transpose();
    let before = before.map_err(|problem| Refusal::argument("search_after", problem.detail))?;
    let listing = listing(asking, &query, size)?;
    let total = asking.shortener.count(listing.clone()).await?.links;
    // Numbered from the cursor on, so that `page` is right for those who only follow `next`.
    let (before, page) = before.map_or((None, page), |(id, page)| (Some(id), page));
    let offset = if before.is_some() { 0 } else { (page - 1).saturating_mul(size as u64) };
    let page_of = Listing { before, offset, limit: size + 1, ..listing };
    let mut links = match query.archived == "on" {
        true => Vec::new(),
        false => asking.shortener.page(page_of).await?.links,
    };
    let has_more = links.len() > size;
    links.truncate(size);
    let cursor = match links.last().filter(|_| has_more) {
        Some(last) => Cursor::encode(&(last.id, page + 1))?,
        None => String::new(),
    };
    let next = match cursor.is_empty() {
        true => String::new(),
        false => next_url(&bitly, &query, &cursor),
    };
    let items: Vec<Bitlink> = links.into_iter().map(|link| Bitlink::new(link, &bitly)).collect();
    Ok(Json(json!({
        "links": items,
        "pagination": {
            "prev": "", "next": next, "size": size, "page": page, "total": total,
            "search_after": cursor,
        },
    })))
}

fn listing(asking: &Asking, query: &BitlinksQuery, size: usize) -> Result<Listing, Refusal> {
    let owner = (!asking.author.is_admin).then(|| asking.author.id.clone());
    Ok(Listing {
        filter: Filter { owner, search: query.query.clone(), tag: String::new() },
        tags: query.tags.split(',').filter(|tag| !tag.is_empty()).map(str::to_owned).collect(),
        created_from: time("created_after", &query.created_after)?,
        created_to: time("created_before", &query.created_before)?,
        descending: true,
        limit: size,
        ..Listing::default()
    })
}

/// The same question again, from where this page ended.
fn next_url(bitly: &Bitly, query: &BitlinksQuery, cursor: &str) -> String {
    let mut pairs = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in [
        ("query", &query.query),
        ("tags", &query.tags),
        ("created_before", &query.created_before),
        ("created_after", &query.created_after),
    ] {
        if !value.is_empty() {
            pairs.append_pair(name, value);
        }
    }
    if let Some(size) = query.size {
        pairs.append_pair("size", &size.to_string());
    }
    pairs.append_pair("search_after", cursor);
    format!("{}/bitlinks?{}", bitly.group_url(), pairs.finish())
}
