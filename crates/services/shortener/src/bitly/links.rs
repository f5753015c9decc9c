//! Links: shorten, create, expand, change, delete.

use axum::extract::Path;
use http::StatusCode;
use kit::http::Json;
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::wire::{
    Bitlink, ChangeRequest, CreateRequest, ExpandRequest, domain, moment, refuse_deeplinks, time,
};
use super::{Bitly, Body};
use crate::doors::{address_in, without_scheme};
use crate::http::wire::short_url;
use crate::http::{Asking, READ, WRITE};
use crate::model::{LinkChange, NewLink, ShortAddress};

type Answer = Result<(StatusCode, Json<Bitlink>), Refusal>;

/// `POST /v4/shorten`: the long URL and the domain count, nothing else.
pub(super) async fn shorten(bitly: Bitly, Body(request): Body<CreateRequest>) -> Answer {
    let bare = CreateRequest {
        long_url: request.long_url,
        domain: request.domain,
        ..CreateRequest::default()
    };
    make(&bitly, bare).await
}

/// `POST /v4/bitlinks`.
pub(super) async fn create(bitly: Bitly, Body(request): Body<CreateRequest>) -> Answer {
    make(&bitly, request).await
}

/// 201 for a new link, 200 for the one that the long URL has.
async fn make(bitly: &Bitly, request: CreateRequest) -> Answer {
    let asking = &bitly.asking;
    asking.require(WRITE)?;
    refuse_deeplinks(&request.deeplinks)?;
    let new = NewLink {
        expires_at: time("expiration_at", request.expiration_at.as_deref().unwrap_or_default())?,
        domain: domain(asking, request.domain),
        long_url: request.long_url,
        alias: request.keyword.filter(|keyword| !keyword.is_empty()),
        title: request.title.filter(|title| !title.is_empty()),
        tags: request.tags,
        ..NewLink::default()
    };
    let created = asking.shortener.create(&asking.author, new).await?;
    let status = if created.is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(Bitlink::new(created.link, bitly))))
}

/// `POST /v4/expand`: what everybody may know of a link.
pub(super) async fn expand(
    bitly: Bitly,
    Body(request): Body<ExpandRequest>,
) -> Result<Json<Value>, Refusal> {
    let asking = &bitly.asking;
    asking.require(READ)?;
    let (address, _) = address_in(asking, &request.bitlink_id)
        .ok_or_else(|| Refusal::argument("bitlink_id", "give it as domain/code"))?;
    let link = asking.shortener.look_up(&address).await?;
    let short = short_url(&link, &asking.base);
    Ok(Json(json!({
        "created_at": moment(link.created_at),
        "id": without_scheme(&short),
        "link": short,
        "long_url": shown_target(asking, &link),
    })))
}

/// A password guards the target against lookups as well as against visits.
pub(super) fn shown_target<'l>(asking: &Asking, link: &'l crate::model::Link) -> &'l str {
    if link.password_hash.is_some() && !asking.owns(&link.created_by) { "" } else { &link.long_url }
}

/// `PATCH /v4/bitlinks/{bitlink}`.
pub(super) async fn change(
    bitly: Bitly,
    Path(bitlink): Path<String>,
    Body(request): Body<ChangeRequest>,
) -> Result<Json<Bitlink>, Refusal> {
    let asking = &bitly.asking;
    asking.require(WRITE)?;
    refuse_deeplinks(&request.deeplinks)?;
    if request.archived == Some(true) {
        let what = "links are not archived here: delete it, or give it an expiration_at";
        return Err(Refusal::argument("archived", what));
    }
    let address = whole_address(asking, &bitlink)?;
    let expires = request.expiration_at.as_deref();
    let change = LinkChange {
        long_url: request.long_url,
        title: request.title.map(|title| Some(title).filter(|title| !title.is_empty())),
        tags: request.tags,
        expires_at: expires.map(|text| time("expiration_at", text)).transpose()?,
        ..LinkChange::default()
    };
    let link = asking.shortener.change(&asking.author, &address, change).await?;
    Ok(Json(Bitlink::new(link, &bitly)))
}

/// `DELETE /v4/bitlinks/{bitlink}`.
pub(super) async fn delete(
    bitly: Bitly,
    Path(bitlink): Path<String>,
) -> Result<Json<Value>, Refusal> {
    let asking = &bitly.asking;
    asking.require(WRITE)?;
    let address = whole_address(asking, &bitlink)?;
    asking.shortener.delete(&asking.author, &address).await?;
    Ok(Json(json!({ "links_deleted": [{ "id": without_scheme(&bitlink) }] })))
}

/// The address that a path names as a whole.
fn whole_address(asking: &Asking, bitlink: &str) -> Result<ShortAddress, Refusal> {
    match address_in(asking, bitlink) {
        Some((address, "")) => Ok(address),
        _ => Err(Refusal::not_found(format!("{bitlink} is no id: it is a domain/code"))),
    }
}
