//! JSON and queries as Shlink's clients write and read them.

use kit::clock::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::refusal::Refusal;
use crate::click_batch::Tally;
use crate::doors::{at_second, without_scheme};
use crate::exchange::parse_time;
use crate::http::Asking;
use crate::http::wire::short_url;
use crate::model::Link;

/// What clients call the service's own domain, in lower case.
pub(super) const DEFAULT_DOMAIN: &str = "default";
/// Items in a page unless the caller says otherwise, and at most. -1 asks for as many as that.
const ITEMS_DEFAULT: u64 = 10;
const ITEMS_MAX: u64 = 1_000;

/// `POST /short-urls`. Unknown fields are passed over, as Shlink does.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct CreateRequest {
    pub(super) long_url: String,
    pub(super) custom_slug: Option<String>,
    pub(super) find_if_exists: bool,
    pub(super) domain: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) title: Option<String>,
    pub(super) valid_since: Option<String>,
    pub(super) valid_until: Option<String>,
    pub(super) max_visits: Option<i64>,
    pub(super) forward_query: Option<bool>,
    pub(super) path_prefix: Option<String>,
}

/// `PATCH /short-urls/{code}`: what is left out stays, `null` clears.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct EditRequest {
    pub(super) long_url: Option<String>,
    pub(super) tags: Option<Vec<String>>,
    #[serde(deserialize_with = "nullable")]
    pub(super) title: Option<Option<String>>,
    #[serde(deserialize_with = "nullable")]
    pub(super) valid_since: Option<Option<String>>,
    #[serde(deserialize_with = "nullable")]
    pub(super) valid_until: Option<Option<String>>,
    #[serde(deserialize_with = "nullable")]
    pub(super) max_visits: Option<Option<i64>>,
    pub(super) forward_query: Option<bool>,
}

/// `POST /short-urls/{code}/redirect-rules`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RulesRequest {
    pub(super) redirect_rules: Vec<Value>,
}

/// `null` is told from a field that is left out.
fn nullable<'d, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'d>,
    T: Deserialize<'d>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

/// A query as PHP reads it: `tags[]=a&tags[]=b` is a list.
pub(super) struct Pairs(Vec<(String, String)>);

impl Pairs {
    pub(super) fn of(query: Option<&str>) -> Self {
        let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
        // PostgreSQL stores no NUL, and no tag has one.
        let clean = |text: std::borrow::Cow<'_, str>| text.replace('\0', "");
        Self(pairs.map(|(name, value)| (clean(name), clean(value))).collect())
    }

    /// The last value, or empty.
    pub(super) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().rev().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value.as_str())
    }

    /// All values of `name[]` and `name[0]`.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let is_item = |known: &str| {
            known
                .strip_prefix(name)
                .is_some_and(|rest| rest.starts_with('[') && rest.ends_with(']'))
        };
        let items = self.0.iter().filter(|(known, value)| is_item(known) && !value.is_empty());
        items.map(|(_, value)| value.clone()).collect()
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        matches!(self.get(name), "true" | "1")
    }

    pub(super) fn time(&self, name: &'static str) -> Result<Option<Timestamp>, Refusal> {
        time(name, self.get(name))
    }
}

/// Which page of a list was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageAsked {
    number: u64,
    items: u64,
}

impl PageAsked {
    pub(super) fn of(query: &Pairs) -> Self {
        let items = match query.get("itemsPerPage").parse::<i64>() {
            Ok(-1) => ITEMS_MAX,
            Ok(items) => u64::try_from(items).unwrap_or(1).clamp(1, ITEMS_MAX),
            Err(_) => ITEMS_DEFAULT,
        };
        Self { number: query.get("page").parse().unwrap_or(1).max(1), items }
    }

    pub(super) fn offset(self) -> u64 {
        (self.number - 1).saturating_mul(self.items)
    }

    pub(super) fn limit(self) -> usize {
        usize::try_from(self.items).unwrap_or(usize::MAX)
    }

    /// The page in words, when it has `here` of `total` items.
    pub(super) fn pagination(self, here: usize, total: u64) -> Value {
        json!({
            "currentPage": self.number,
            "pagesCount": total.div_ceil(self.items),
            "itemsPerPage": self.items,
            "itemsInCurrentPage": here,
            "totalItems": total,
        })
    }
}

/// A short URL as Shlink describes it. `visits` are those counted here: clicks that were imported
/// with the link count as people's.
pub(super) fn described(link: &Link, visits: Tally, asking: &Asking) -> Value {
    let total = visits.total().max(u64::try_from(link.clicks).unwrap_or(0));
    let is_hidden = link.password_hash.is_some() && !asking.owns(&link.created_by);
    json!({
        "shortCode": link.code,
        "shortUrl": short_url(link, &asking.base),
        "longUrl": if is_hidden { "" } else { &link.long_url },
        "dateCreated": moment(link.created_at),
        "visitsSummary": summary(total, visits.bots),
        "visitsCount": total,
        "tags": link.tags,
        "meta": {
            "validSince": link.valid_from.map(moment),
            "validUntil": link.expires_at.map(moment),
            "maxVisits": link.max_visits,
        },
        "domain": Some(&link.domain).filter(|domain| !domain.is_empty()),
        "title": link.title,
        "crawlable": false,
        "forwardQuery": link.forward_query,
        "hasRedirectRules": false,
    })
}

/// Visits, and how many of them were by bots.
pub(super) fn summary(total: u64, bots: u64) -> Value {
    json!({ "total": total, "nonBots": total.saturating_sub(bots), "bots": bots })
}

/// PHP's `ATOM`: `2026-11-22T06:23:13+00:00`.
pub(super) fn moment(at: Timestamp) -> String {
    at_second(at, "+00:00")
}

/// Empty is none.
pub(super) fn time(field: &'static str, text: &str) -> Result<Option<Timestamp>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    match parse_time(text) {
        Some(at_us) => Ok(Some(Timestamp::from_micros(at_us))),
        None => Err(Refusal::invalid(&[field], format!("{field}: {text:?} is not a time"))),
    }
}

/// The host that short URLs of the service's own have.
pub(super) fn default_authority(asking: &Asking) -> &str {
    without_scheme(&asking.base).split('/').next().unwrap_or_default()
}
