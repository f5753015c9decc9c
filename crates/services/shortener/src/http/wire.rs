//! JSON as callers write and read it. These types never leave the front door.

use kit::clock::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::admin::ListedHost;
use crate::click_store::StoredClick;
use crate::model::{Link, LinkChange, NewLink, Redirect, ShortenError};

/// What a link is made from.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateRequest {
    /// Where the link leads: `http` or `https`, at most 2,048 bytes unless the deployment says
    /// otherwise.
    #[schema(example = "https://en.wikipedia.org/wiki/Systems_design")]
    pub long_url: String,
    /// A code of your own: 1 to 64 of `0-9 a-z A-Z - _`.
    pub alias: Option<String>,
    /// A branded domain of the namespace.
    pub domain: Option<String>,
    /// For people; at most 512 characters.
    pub title: Option<String>,
    /// For finding it again; at most 32 of 64 characters.
    #[serde(default)]
    pub tags: Vec<String>,
    /// 301, 302, 307 or 308.
    #[schema(minimum = 301, maximum = 308)]
    pub redirect: Option<u16>,
    /// Whether the visitor's query is added to the target's.
    #[serde(default)]
    pub forward_query: bool,
    /// RFC 3339: it answers from then on.
    pub valid_from: Option<String>,
    /// RFC 3339: it answers until then. Without it, until six months after its last use.
    pub expires: Option<String>,
    /// It answers so many times; 1 makes a one-time link.
    #[schema(minimum = 1)]
    pub max_visits: Option<i64>,
    /// Asked for before the redirect.
    pub password: Option<String>,
    /// A code of its own even though the target has one.
    #[serde(default)]
    pub private: bool,
}

impl TryFrom<CreateRequest> for NewLink {
    type Error = ShortenError;

    fn try_from(request: CreateRequest) -> Result<Self, ShortenError> {
        Ok(Self {
            long_url: request.long_url,
            alias: request.alias,
            domain: request.domain,
            title: request.title,
            tags: request.tags,
            redirect: request.redirect.map(redirect).transpose()?,
            forward_query: request.forward_query,
            valid_from: request.valid_from.map(|text| time("validFrom", &text)).transpose()?,
            expires_at: request.expires.map(|text| time("expires", &text)).transpose()?,
            max_visits: request.max_visits.map(visits).transpose()?,
            password: request.password,
            private: request.private,
        })
    }
}

/// What is to change; fields left out stay as they are, `null` clears.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeRequest {
    /// The new target.
    pub long_url: Option<String>,
    /// The new title.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub title: Option<Option<String>>,
    /// All tags from now on.
    pub tags: Option<Vec<String>>,
    /// 301, 302, 307 or 308.
    #[schema(minimum = 301, maximum = 308)]
    pub redirect: Option<u16>,
    /// Whether the visitor's query is added to the target's.
    pub forward_query: Option<bool>,
    /// RFC 3339.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub valid_from: Option<Option<String>>,
    /// RFC 3339.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub expires: Option<Option<String>>,
    /// 1 or more.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<i64>, minimum = 1)]
    pub max_visits: Option<Option<i64>>,
    /// 1 to 256 bytes.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    pub password: Option<Option<String>>,
}

impl TryFrom<ChangeRequest> for LinkChange {
    type Error = ShortenError;

    fn try_from(request: ChangeRequest) -> Result<Self, ShortenError> {
        let moment = |field, text: Option<Option<String>>| {
            text.map(|text| text.map(|text| time(field, &text)).transpose()).transpose()
        };
        Ok(Self {
            long_url: request.long_url,
            title: request.title,
            tags: request.tags,
            redirect: request.redirect.map(redirect).transpose()?,
            forward_query: request.forward_query,
            valid_from: moment("validFrom", request.valid_from)?,
            expires_at: moment("expires", request.expires)?,
            max_visits: request
                .max_visits
                .map(|number| number.map(visits).transpose())
                .transpose()?,
            password: request.password,
        })
    }
}

/// `null` is told from a field that is left out.
fn nullable<'d, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'d>,
    T: Deserialize<'d>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}

fn redirect(status: u16) -> Result<Redirect, ShortenError> {
    let what = "use 301, 302, 307 or 308".to_owned();
    Redirect::from_status(status).ok_or(ShortenError::Field { field: "redirect", what })
}

fn visits(number: i64) -> Result<i64, ShortenError> {
    let what = "use 1 or more".to_owned();
    if number >= 1 { Ok(number) } else { Err(ShortenError::Field { field: "maxVisits", what }) }
}

pub(super) fn time(field: &'static str, text: &str) -> Result<Timestamp, ShortenError> {
    let what = format!("{text:?} is not a time such as 2027-01-31T12:00:00Z");
    Timestamp::parse(text).ok_or(ShortenError::Field { field, what })
}

/// A short link.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LinkAnswer {
    /// What to hand out.
    #[serde(rename = "shortURL")]
    pub short_url: String,
    /// Its last part.
    pub code: String,
    /// The branded domain; absent for the service's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<String>,
    /// Where it leads.
    pub long_url: String,
    /// For people.
    pub title: Option<String>,
    /// For finding it again.
    pub tags: Vec<String>,
    /// RFC 3339.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// RFC 3339.
    #[schema(value_type = String)]
    pub updated_at: Timestamp,
    /// The creator; empty when nobody gave a credential.
    pub created_by: String,
    /// RFC 3339.
    #[schema(value_type = Option<String>)]
    pub valid_from: Option<Timestamp>,
    /// RFC 3339; absent: six months after the last use.
    #[schema(value_type = Option<String>)]
    pub expires_at: Option<Timestamp>,
    /// RFC 3339, coarse.
    #[schema(value_type = String)]
    pub last_used_at: Timestamp,
    /// Visits so far.
    pub clicks: i64,
    /// 301, 302, 307 or 308.
    pub redirect: u16,
    /// Whether the visitor's query is added to the target's.
    pub forward_query: bool,
    /// Whether a password is asked for.
    pub password_protected: bool,
    /// The visits it was made for.
    pub max_visits: Option<i64>,
    /// How many of them are left.
    pub visits_left: Option<i64>,
    /// `active`, `deleted` or `blocked`.
    pub state: &'static str,
}

impl LinkAnswer {
    /// `base` is what short URLs of the service's own domain begin with.
    pub fn new(link: Link, base: &str) -> Self {
        Self {
            short_url: short_url(&link, base),
            code: link.code,
            domain: (!link.domain.is_empty()).then_some(link.domain),
            long_url: link.long_url,
            title: link.title,
            tags: link.tags,
            created_at: link.created_at,
            updated_at: link.updated_at,
            created_by: link.created_by,
            valid_from: link.valid_from,
            expires_at: link.expires_at,
            last_used_at: link.last_used_at,
            clicks: link.clicks,
            redirect: link.redirect.status(),
            forward_query: link.forward_query,
            password_protected: link.password_hash.is_some(),
            max_visits: link.max_visits,
            visits_left: link.visits_left,
            state: link.state.as_str(),
        }
    }
}

/// A branded domain takes the place of the host in `base`; its port is the public one.
pub fn short_url(link: &Link, base: &str) -> String {
    if link.domain.is_empty() {
        return format!("{base}/{}", link.code);
    }
    let scheme = base.split_once("://").map_or("https", |(scheme, _)| scheme);
    format!("{scheme}://{}/{}", link.domain, link.code)
}

/// How a listing of links is narrowed.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
    /// 1 to 500; 50 unless told.
    pub limit: Option<u32>,
    /// Found in the code, the title or the target.
    #[serde(default)]
    pub search: String,
    /// Exactly this tag.
    #[serde(default)]
    pub tag: String,
}

/// Names a link on a branded domain.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DomainQuery {
    /// The branded domain; left out for the service's own.
    pub domain: Option<String>,
}

/// Which clicks are counted and how they are put together.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StatsQuery {
    /// The branded domain; left out for the service's own.
    pub domain: Option<String>,
    /// RFC 3339; 30 days before `to` unless told.
    pub from: Option<String>,
    /// RFC 3339; now unless told.
    pub to: Option<String>,
    /// `hour`, `day`, `week` or `month`; days unless told.
    pub bucket: Option<String>,
}

/// Clicks of one link.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StatsAnswer {
    /// Of people and bots.
    pub total: u64,
    /// Of people.
    pub people: u64,
    /// Of bots.
    pub bots: u64,
    /// Of both, from QR codes.
    pub scans: u64,
    /// Different visitors, estimated to 2 % (HyperLogLog); each day counts anew.
    pub unique_visitors: u64,
    /// Over time; stretches without clicks are there too.
    pub buckets: Vec<BucketAnswer>,
    /// Hosts of referring pages, most clicks first.
    pub referrers: Vec<CountAnswer>,
    /// ISO 3166-1 alpha-2.
    pub countries: Vec<CountAnswer>,
    /// Device classes.
    pub devices: Vec<CountAnswer>,
    /// Browser families.
    pub browsers: Vec<CountAnswer>,
    /// Operating systems.
    pub systems: Vec<CountAnswer>,
}

/// Clicks of one stretch of time.
#[derive(Debug, Serialize, ToSchema)]
pub struct BucketAnswer {
    /// RFC 3339: when it begins.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// Of people.
    pub people: u64,
    /// Of bots.
    pub bots: u64,
    /// Of both, from QR codes.
    pub scans: u64,
}

/// Clicks with one value.
#[derive(Debug, Serialize, ToSchema)]
pub struct CountAnswer {
    /// The value.
    pub value: String,
    /// How many.
    pub clicks: u64,
}

/// One of the latest clicks.
#[derive(Debug, Serialize, ToSchema)]
pub struct VisitAnswer {
    /// RFC 3339.
    #[schema(value_type = String)]
    pub at: Timestamp,
    /// Host of the referring page, `direct` or `other`.
    pub referrer: String,
    /// ISO 3166-1 alpha-2, or `unknown`.
    pub country: String,
    /// Device class.
    pub device: String,
    /// Browser family.
    pub browser: String,
    /// Operating system.
    pub system: String,
    /// Whether a bot.
    pub bot: bool,
    /// Whether from a QR code.
    pub scan: bool,
}

impl From<StoredClick> for VisitAnswer {
    fn from(click: StoredClick) -> Self {
        Self {
            at: click.at,
            referrer: click.referrer,
            country: click.country,
            device: click.device,
            browser: click.browser,
            system: click.system,
            bot: click.bot,
            scan: click.scan,
        }
    }
}

/// A host to add to a list.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HostRequest {
    /// Such as `example.com`.
    pub host: String,
}

/// A host of a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HostAnswer {
    /// In lower case.
    pub host: String,
    /// The principal.
    pub created_by: String,
    /// RFC 3339.
    #[schema(value_type = String)]
    pub created_at: Timestamp,
}

impl From<ListedHost> for HostAnswer {
    fn from(listed: ListedHost) -> Self {
        Self { host: listed.host, created_by: listed.created_by, created_at: listed.created_at }
    }
}

/// All hosts of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct HostsAnswer {
    /// By name.
    pub items: Vec<HostAnswer>,
}

/// How a QR code is to look.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct QrQuery {
    /// The branded domain; left out for the service's own.
    pub domain: Option<String>,
    /// `svg` or `png`; `svg` unless told.
    pub format: Option<String>,
    /// Pixels a side, 64 to 2,048.
    pub size: Option<u32>,
    /// Blank modules on each side, 0 to 32.
    pub margin: Option<u32>,
    /// Error correction: `L`, `M`, `Q` or `H`.
    pub level: Option<String>,
    /// `#rrggbb`.
    pub foreground: Option<String>,
    /// `#rrggbb`.
    pub background: Option<String>,
}
