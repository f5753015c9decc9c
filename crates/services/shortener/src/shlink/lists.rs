//! Tags, domains, and what clients ask before anything else.

use axum::extract::RawQuery;
use axum::response::{IntoResponse, Response};
use http::header;
use kit::http::Json;
use serde_json::{Value, json};

use super::Shlink;
use super::refusal::Refusal;
use super::wire::{PageAsked, Pairs, default_authority, summary};
use crate::admin::HostList;
use crate::http::{Asking, READ};
use crate::store::TagCount;

/// The version whose API this is: clients switch features on by it.
const VERSION: &str = "4.0.0";

type Answer = Result<Json<Value>, Refusal>;

/// `GET /tags`.
pub(super) async fn tags(Shlink(asking): Shlink, RawQuery(query): RawQuery) -> Answer {
    let query = Pairs::of(query.as_deref());
    let tags = matching(&asking, &query).await?;
    let data: Vec<&str> = tags.iter().map(|count| count.tag.as_str()).collect();
    Ok(Json(json!({ "tags": page_of(&query, data) })))
}

/// `GET /tags/stats`.
pub(super) async fn tag_stats(Shlink(asking): Shlink, RawQuery(query): RawQuery) -> Answer {
    let query = Pairs::of(query.as_deref());
    let tags = matching(&asking, &query).await?;
    let described = |count: &TagCount| {
        json!({
            "tag": count.tag,
            "shortUrlsCount": count.links,
            "visitsSummary": summary(count.visits.total(), count.visits.bots),
            "visitsCount": count.visits.total(),
        })
    };
    let data: Vec<Value> = tags.iter().map(described).collect();
    Ok(Json(json!({ "tags": page_of(&query, data) })))
}

async fn matching(asking: &Asking, query: &Pairs) -> Result<Vec<TagCount>, Refusal> {
    asking.require(READ)?;
    let owner = (!asking.author.is_admin).then(|| asking.author.id.clone());
    let mut tags = asking.shortener.tags_of(owner).await?;
    let term = query.get("searchTerm");
    tags.retain(|count| count.tag.contains(term));
    Ok(tags)
}

/// Tags come all at once unless a page is asked for.
fn page_of<T: serde::Serialize>(query: &Pairs, data: Vec<T>) -> Value {
    if query.get("page").is_empty() && query.get("itemsPerPage").is_empty() {
        return json!({ "data": data });
    }
    let page = PageAsked::of(query);
    let offset = usize::try_from(page.offset()).unwrap_or(usize::MAX);
    let here: Vec<&T> = data.iter().skip(offset).take(page.limit()).collect();
    let pagination = page.pagination(here.len(), data.len() as u64);
    json!({ "data": here, "pagination": pagination })
}

/// `GET /domains`: the service's own first.
pub(super) async fn domains(Shlink(asking): Shlink) -> Answer {
    asking.require(READ)?;
    let redirects = json!({
        "baseUrlRedirect": null, "regular404Redirect": null, "invalidShortUrlRedirect": null,
    });
    let described = |domain: &str, own: bool| -> Value {
        json!({ "domain": domain, "isDefault": own, "redirects": redirects })
    };
    let branded = asking.shortener.hosts(HostList::Domains).await?;
    let own = std::iter::once(described(default_authority(&asking), true));
    let data: Vec<Value> =
        own.chain(branded.iter().map(|listed| described(&listed.host, false))).collect();
    Ok(Json(json!({ "domains": { "data": data, "defaultRedirects": redirects } })))
}

/// `GET /rest/health`: needs no key.
pub(super) async fn health() -> Response {
    let body = json!({ "status": "pass", "version": VERSION, "links": {} });
    ([(header::CONTENT_TYPE, "application/health+json")], body.to_string()).into_response()
}

/// `GET /mercure-info`.
pub(super) async fn mercure(Shlink(_): Shlink) -> Refusal {
    Refusal::no_mercure()
}
