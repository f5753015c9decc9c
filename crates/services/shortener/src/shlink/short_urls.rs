//! Short URLs: list, create, show, edit, delete; and their redirect rules, of which there are none.

use axum::extract::RawQuery;
use http::StatusCode;
use kit::http::Json;
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::wire::{
    CreateRequest, DEFAULT_DOMAIN, EditRequest, PageAsked, Pairs, RulesRequest, default_authority,
    described, time,
};
use super::{Body, Named, Shlink};
use crate::http::{Asking, READ, WRITE};
use crate::model::{Link, LinkChange, NewLink, ShortAddress, ShortenError};
use crate::store::{Filter, Listing, Order, TAGS_ASKED_MAX};

type Answer = Result<Json<Value>, Refusal>;

/// `GET /short-urls`.
pub(super) async fn list(Shlink(asking): Shlink, RawQuery(query): RawQuery) -> Answer {
    asking.require(READ)?;
    let query = Pairs::of(query.as_deref());
    let page = PageAsked::of(&query);
    let listed = asking.shortener.page(listing(&asking, &query, page)?).await?;
    let visits = asking.shortener.visit_sums(&listed.links).await?;
    let links = listed.links.iter().zip(visits);
    let data: Vec<Value> = links.map(|(link, sums)| described(link, sums, &asking)).collect();
    let pagination = page.pagination(data.len(), listed.sums.links);
    Ok(Json(json!({ "shortUrls": { "data": data, "pagination": pagination } })))
}

fn listing(asking: &Asking, query: &Pairs, page: PageAsked) -> Result<Listing, Refusal> {
    let owner = (!asking.author.is_admin).then(|| asking.author.id.clone());
    let tags = query.list("tags");
    if tags.len() > TAGS_ASKED_MAX {
        let what = format!("ask for at most {TAGS_ASKED_MAX} tags at once");
        return Err(Refusal::invalid(&["tags"], what));
    }
    let (order, descending) = order(query.get("orderBy"))?;
    let domain = query.get("domain").to_ascii_lowercase();
    let now = asking.shortener.clock.now();
    Ok(Listing {
        filter: Filter { owner, search: query.get("searchTerm").to_owned(), tag: String::new() },
        all_tags: query.get("tagsMode") == "all",
        tags,
        domain: (!domain.is_empty()).then(|| own_or(asking, domain)),
        created_from: query.time("startDate")?,
        created_to: query.time("endDate")?,
        with_visits_left: query.is_set("excludeMaxVisitsReached"),
        valid_at: query.is_set("excludePastValidUntil").then_some(now),
        before: None,
        order,
        descending,
        offset: page.offset(),
        limit: page.limit(),
    })
}

/// `field-DIR`; newest first unless told.
fn order(text: &str) -> Result<(Order, bool), Refusal> {
    let (field, direction) = text.split_once('-').unwrap_or((text, "ASC"));
    let order = match field {
        "" => return Ok((Order::Created, true)),
        "dateCreated" => Order::Created,
        "shortCode" => Order::Code,
        "longUrl" => Order::Target,
        "title" => Order::Title,
        "visits" | "nonBotVisits" => Order::Clicks,
        _ => return Err(Refusal::invalid(&["orderBy"], format!("there is no order {field:?}"))),
    };
    Ok((order, direction == "DESC"))
}

fn own_or(asking: &Asking, domain: String) -> String {
    match domain == DEFAULT_DOMAIN || domain == default_authority(asking) {
        true => String::new(),
        false => domain,
    }
}

/// `POST /short-urls`. Without `findIfExists` each call makes a code of its own.
pub(super) async fn create(Shlink(asking): Shlink, Body(request): Body<CreateRequest>) -> Answer {
    asking.require(WRITE)?;
    if request.path_prefix.as_deref().is_some_and(|prefix| !prefix.is_empty()) {
        return Err(Refusal::invalid(&["pathPrefix"], "codes have no path here: leave it out"));
    }
    let find = request.find_if_exists;
    let new = new_link(&asking, request)?;
    let (target, alias, domain) = (new.long_url.clone(), new.alias.clone(), new.domain.clone());
    let link = match asking.shortener.create(&asking.author, new).await {
        Ok(created) => created.link,
        Err(ShortenError::Taken(slug)) if find => {
            let code = alias.unwrap_or_else(|| slug.clone());
            let address = ShortAddress { domain: domain.unwrap_or_default(), code };
            match asking.shortener.look_up(&address).await {
                Ok(link) if link.long_url == target => link,
                _ => return Err(ShortenError::Taken(slug).into()),
            }
        }
        Err(refusal) => return Err(refusal.into()),
    };
    shown(&asking, link).await
}

fn new_link(asking: &Asking, request: CreateRequest) -> Result<NewLink, Refusal> {
    let domain = request.domain.map(|domain| own_or(asking, domain.to_ascii_lowercase()));
    let text = |text: Option<String>| text.unwrap_or_default();
    Ok(NewLink {
        // Shlink forwards unless told; the code that a target shares with others does not.
        forward_query: request.forward_query.unwrap_or(!request.find_if_exists),
        private: !request.find_if_exists,
        long_url: request.long_url,
        alias: request.custom_slug.filter(|slug| !slug.is_empty()),
        domain: domain.filter(|domain| !domain.is_empty()),
        title: request.title.filter(|title| !title.is_empty()),
        tags: request.tags,
        valid_from: time("validSince", &text(request.valid_since))?,
        expires_at: time("validUntil", &text(request.valid_until))?,
        max_visits: request.max_visits.map(visits).transpose()?,
        ..NewLink::default()
    })
}

fn visits(number: i64) -> Result<i64, Refusal> {
    match number >= 1 {
        true => Ok(number),
        false => Err(Refusal::invalid(&["maxVisits"], "maxVisits: use 1 or more")),
    }
}

async fn shown(asking: &Asking, link: Link) -> Answer {
    let sums = asking.shortener.visit_sums(std::slice::from_ref(&link)).await?;
    Ok(Json(described(&link, sums.first().copied().unwrap_or_default(), asking)))
}

/// `GET /short-urls/{code}`.
pub(super) async fn show(Shlink(asking): Shlink, Named(address): Named) -> Answer {
    asking.require(READ)?;
    shown(&asking, found(&asking, &address).await?).await
}

pub(super) async fn found(asking: &Asking, address: &ShortAddress) -> Result<Link, Refusal> {
    let link = asking.shortener.look_up(address).await;
    link.map_err(|refusal| Refusal::of(refusal, address))
}

/// `PATCH /short-urls/{code}`.
pub(super) async fn edit(
    Shlink(asking): Shlink,
    Named(address): Named,
    Body(request): Body<EditRequest>,
) -> Answer {
    asking.require(WRITE)?;
    let moment = |field, text: Option<Option<String>>| {
        text.map(|text| time(field, &text.unwrap_or_default())).transpose()
    };
    let change = LinkChange {
        long_url: request.long_url,
        title: request.title,
        tags: request.tags,
        forward_query: request.forward_query,
        valid_from: moment("validSince", request.valid_since)?,
        expires_at: moment("validUntil", request.valid_until)?,
        max_visits: request.max_visits.map(|most| most.map(visits).transpose()).transpose()?,
        ..LinkChange::default()
    };
    let changed = asking.shortener.change(&asking.author, &address, change).await;
    shown(&asking, changed.map_err(|refusal| Refusal::of(refusal, &address))?).await
}

/// `DELETE /short-urls/{code}`.
pub(super) async fn delete(
    Shlink(asking): Shlink,
    Named(address): Named,
) -> Result<StatusCode, Refusal> {
    asking.require(WRITE)?;
    let deleted = asking.shortener.delete(&asking.author, &address).await;
    deleted.map_err(|refusal| Refusal::of(refusal, &address))?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /short-urls/{code}/redirect-rules`.
pub(super) async fn rules(Shlink(asking): Shlink, Named(address): Named) -> Answer {
    asking.require(READ)?;
    let link = shown(&asking, found(&asking, &address).await?).await?.0;
    Ok(Json(json!({ "defaultLongUrl": link["longUrl"], "redirectRules": [] })))
}

/// `POST /short-urls/{code}/redirect-rules`: only the empty list is kept.
pub(super) async fn set_rules(
    shlink: Shlink,
    named: Named,
    Body(request): Body<RulesRequest>,
) -> Answer {
    shlink.0.require(WRITE)?;
    if !request.redirect_rules.is_empty() {
        let what = "links have no redirect rules here: send an empty list";
        return Err(Refusal::invalid(&["redirectRules"], what));
    }
    rules(shlink, named).await
}
