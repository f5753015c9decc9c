//! What is known of a link's visits, and its QR code.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header;
use kit::clock::Timestamp;
use kit::http::{Json, Page, PageQuery, Path, Problem, Query};

use super::wire::{
    BucketAnswer, CountAnswer, QrQuery, StatsAnswer, StatsQuery, VisitAnswer, short_url, time,
};
use super::{Asking, READ, address_of};
use crate::click_batch::Facet;
use crate::insight::LinkStats;
use crate::model::ShortenError;
use crate::public::SCAN_QUERY;
use crate::qr::{Colour, ErrorCorrection, Qr, Style};
use crate::stats::{Bucket, Range};

/// What a chart shows unless it is told.
const RANGE_DEFAULT: Duration = Duration::from_secs(30 * 86_400);

/// Clicks over time, and by referrer, country, device, browser and system.
#[utoipa::path(
    get,
    path = "/shorturls/{code}/stats",
    tag = "clicks",
    params(("code" = String, Path, description = "The code or alias"), StatsQuery),
    responses((status = 200, description = "Counts, at most a second old", body = StatsAnswer))
)]
pub(super) async fn stats(
    asking: Asking,
    Path(code): Path<String>,
    Query(query): Query<StatsQuery>,
) -> Result<Json<StatsAnswer>, Problem> {
    asking.require(READ)?;
    let range = range_of(&query, asking.shortener.clock.now())?;
    let address = address_of(code, query.domain);
    let stats = asking.shortener.stats(&asking.author, &address, range).await?;
    Ok(Json(answer(stats)))
}

fn range_of(query: &StatsQuery, now: Timestamp) -> Result<Range, ShortenError> {
    let to = query.to.as_deref().map(|text| time("to", text)).transpose()?;
    // The end is not part of the range; a click of this very moment is.
    let to = to.unwrap_or_else(|| now.plus(Duration::from_micros(1)));
    let from = query.from.as_deref().map(|text| time("from", text)).transpose()?;
    let from = from.unwrap_or_else(|| to.minus(RANGE_DEFAULT));
    let word = query.bucket.as_deref().unwrap_or("day");
    let bucket = Bucket::from_word(word).ok_or_else(|| ShortenError::Field {
        field: "bucket",
        what: "use hour, day, week or month".to_owned(),
    })?;
    Ok(Range { from_us: from.micros(), to_us: to.micros(), bucket })
}

fn answer(stats: LinkStats) -> StatsAnswer {
    let LinkStats { counts, unique_visitors } = stats;
    let mut facets = counts.facets;
    let mut facet = |facet| {
        let counts = facets.remove(&facet).unwrap_or_default();
        let count = |count: crate::stats::FacetCount| CountAnswer {
            value: count.value,
            clicks: count.tally.total(),
        };
        counts.into_iter().map(count).collect()
    };
    let bucket = |bucket: crate::stats::BucketCount| BucketAnswer {
        at: Timestamp::from_micros(bucket.start_us),
        people: bucket.tally.people,
        bots: bucket.tally.bots,
        scans: bucket.tally.scans,
    };
    StatsAnswer {
        total: counts.total.total(),
        people: counts.total.people,
        bots: counts.total.bots,
        scans: counts.total.scans,
        unique_visitors,
        buckets: counts.buckets.into_iter().map(bucket).collect(),
        referrers: facet(Facet::Referrer),
        countries: facet(Facet::Country),
        devices: facet(Facet::Device),
        browsers: facet(Facet::Browser),
        systems: facet(Facet::Os),
    }
}

/// The latest clicks one by one: a thousand a link are kept.
#[utoipa::path(
    get,
    path = "/shorturls/{code}/visits",
    tag = "clicks",
    params(
        ("code" = String, Path, description = "The code or alias"),
        ("domain" = Option<String>, Query, description = "The branded domain"),
        PageQuery,
    ),
    responses((status = 200, description = "A page of visits", body = Page<VisitAnswer>))
)]
pub(super) async fn visits(
    asking: Asking,
    Path(code): Path<String>,
    Query(domain): Query<super::wire::DomainQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<VisitAnswer>>, Problem> {
    asking.require(READ)?;
    let (limit, before) = (page.limit(), page.position::<i64>()?);
    let address = address_of(code, domain.domain);
    let clicks =
        asking.shortener.recent(&asking.author, &address, before, limit as usize + 1).await?;
    let page = Page::cut(clicks, limit, |click| click.sequence)?;
    let items = page.items.into_iter().map(VisitAnswer::from).collect();
    Ok(Json(Page { items, next_cursor: page.next_cursor }))
}

/// The short URL as a QR code. Visits by it are counted as scans.
#[utoipa::path(
    get,
    path = "/shorturls/{code}/qr",
    tag = "links",
    params(("code" = String, Path, description = "The code or alias"), QrQuery),
    responses((status = 200, description = "The image", content(
        (Vec<u8> = "image/svg+xml"), (Vec<u8> = "image/png"))))
)]
pub(super) async fn qr(
    asking: Asking,
    Path(code): Path<String>,
    Query(query): Query<QrQuery>,
) -> Result<Response, Problem> {
    asking.require(READ)?;
    let style = style_of(&query)?;
    let link = asking.shortener.look_up(&address_of(code, query.domain)).await?;
    let text = format!("{}?{SCAN_QUERY}", short_url(&link, &asking.base));
    let code = Qr::new(&text, style).map_err(refused)?;
    match query.format.as_deref().unwrap_or("svg") {
        "svg" => Ok(([(header::CONTENT_TYPE, "image/svg+xml")], code.to_svg()).into_response()),
        "png" => {
            let png = code.to_png().map_err(refused)?;
            Ok(([(header::CONTENT_TYPE, "image/png")], png).into_response())
        }
        other => Err(refused(format!("{other:?} is no format: use svg or png"))),
    }
}

fn style_of(query: &QrQuery) -> Result<Style, Problem> {
    let plain = Style::default();
    let colour = |text: &Option<String>, or| match text {
        Some(text) => Colour::parse(text).map_err(refused),
        None => Ok(or),
    };
    let correction = match query.level.as_deref() {
        Some(letter) => ErrorCorrection::from_letter(letter)
            .ok_or_else(|| refused(format!("{letter:?} is no level: use L, M, Q or H")))?,
        None => plain.correction,
    };
    Ok(Style {
        size_px: query.size.unwrap_or(plain.size_px),
        margin: query.margin.unwrap_or(plain.margin),
        correction,
        foreground: colour(&query.foreground, plain.foreground)?,
        background: colour(&query.background, plain.background)?,
    })
}

fn refused(what: impl std::fmt::Display) -> Problem {
    Problem::bad_request(what.to_string())
}
