//! JSON as Bitly's clients write and read it. Unknown fields are passed over, as Bitly does.

use kit::clock::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Bitly;
use super::refusal::Refusal;
use crate::doors::{at_second, without_scheme};
use crate::exchange::parse_time;
use crate::http::Asking;
use crate::http::wire::short_url;
use crate::model::Link;

/// Hosts of Bitly's own, which its clients send for "the usual one".
const BITLY_HOSTS: [&str; 3] = ["bit.ly", "j.mp", "bitly.com"];

/// `POST /v4/shorten` and `POST /v4/bitlinks`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CreateRequest {
    pub(super) long_url: String,
    pub(super) domain: Option<String>,
    pub(super) title: Option<String>,
    pub(super) tags: Vec<String>,
    /// A back-half of the caller's choice.
    pub(super) keyword: Option<String>,
    pub(super) expiration_at: Option<String>,
    pub(super) deeplinks: Vec<Value>,
}

/// `PATCH /v4/bitlinks/{bitlink}`; a field that is left out stays as it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ChangeRequest {
    pub(super) long_url: Option<String>,
    pub(super) title: Option<String>,
    pub(super) tags: Option<Vec<String>>,
    pub(super) archived: Option<bool>,
    pub(super) expiration_at: Option<String>,
    pub(super) deeplinks: Vec<Value>,
}

/// `POST /v4/expand`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ExpandRequest {
    pub(super) bitlink_id: String,
}

/// A link.
#[derive(Debug, Serialize)]
pub(super) struct Bitlink {
    created_at: String,
    id: String,
    link: String,
    custom_bitlinks: Vec<String>,
    long_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    archived: bool,
    created_by: String,
    tags: Vec<String>,
    deeplinks: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_at: Option<String>,
    references: Value,
}

impl Bitlink {
    pub(super) fn new(link: Link, bitly: &Bitly) -> Self {
        let short = short_url(&link, &bitly.asking.base);
        let group = bitly.group_url();
        Self {
            created_at: moment(link.created_at),
            id: without_scheme(&short).to_owned(),
            link: short,
            custom_bitlinks: Vec::new(),
            long_url: link.long_url,
            title: link.title,
            archived: false,
            created_by: link.created_by,
            tags: link.tags,
            deeplinks: Vec::new(),
            expiration_at: link.expires_at.map(moment),
            references: json!({ "group": group }),
        }
    }
}

/// Bitly's way of writing a time: `2026-11-22T06:23:13+0000`.
pub(super) fn moment(at: Timestamp) -> String {
    at_second(at, "+0000")
}

/// Reads a time in Bitly's way or RFC 3339; empty is none.
pub(super) fn time(field: &str, text: &str) -> Result<Option<Timestamp>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    let at_us = parse_time(text).ok_or_else(|| {
        Refusal::argument(field, format!("{text:?} is not a time such as 2027-01-31T12:00:00+0000"))
    })?;
    Ok(Some(Timestamp::from_micros(at_us)))
}

/// The domain to make a link on: none for the service's own.
pub(super) fn domain(asking: &Asking, asked: Option<String>) -> Option<String> {
    let own = without_scheme(&asking.base).split('/').next().unwrap_or_default().to_owned();
    asked.filter(|domain| {
        !domain.is_empty() && *domain != own && !BITLY_HOSTS.contains(&domain.as_str())
    })
}

/// Refuses what has no counterpart here, rather than losing it.
pub(super) fn refuse_deeplinks(deeplinks: &[Value]) -> Result<(), Refusal> {
    match deeplinks.is_empty() {
        true => Ok(()),
        false => Err(Refusal::argument("deeplinks", "deep links are not kept here: leave it out")),
    }
}
