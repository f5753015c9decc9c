//! Visits: the latest of a short URL one by one, and sums over all.

use axum::extract::RawQuery;
use kit::http::Json;
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::wire::{PageAsked, Pairs, moment, summary};
use super::{Named, Shlink};
use crate::click_store::{RECENT_MAX, StoredClick};
use crate::http::READ;
use crate::referrer::DIRECT;

/// `GET /short-urls/{code}/visits`: the latest thousand are kept one by one, so no page goes
/// beyond them.
pub(super) async fn of_short_url(
    Shlink(asking): Shlink,
    Named(address): Named,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Refusal> {
    asking.require(READ)?;
    let query = Pairs::of(query.as_deref());
    let (from, to) = (query.time("startDate")?, query.time("endDate")?);
    let without_bots = query.is_set("excludeBots");
    let most = usize::try_from(RECENT_MAX).unwrap_or(usize::MAX);
    let clicks = asking.shortener.recent(&asking.author, &address, None, most).await;
    let clicks = clicks.map_err(|refusal| Refusal::of(refusal, &address))?;
    let wanted: Vec<&StoredClick> = clicks
        .iter()
        .filter(|click| from.is_none_or(|from| click.at >= from))
        .filter(|click| to.is_none_or(|to| click.at <= to))
        .filter(|click| !(without_bots && click.bot))
        .collect();
    let page = PageAsked::of(&query);
    let offset = usize::try_from(page.offset()).unwrap_or(usize::MAX);
    let here = wanted.iter().skip(offset).take(page.limit());
    let data: Vec<Value> = here.map(|click| described(click)).collect();
    let pagination = page.pagination(data.len(), wanted.len() as u64);
    Ok(Json(json!({ "visits": { "data": data, "pagination": pagination } })))
}

/// Of the referrer only the host is kept, and of the place the country.
fn described(click: &StoredClick) -> Value {
    let referrer = if click.referrer == DIRECT { "" } else { &click.referrer };
    let country = Some(&click.country).filter(|country| country.len() == 2);
    let location = country.map(|country| {
        json!({
            "countryCode": country, "countryName": country, "regionName": "", "cityName": "",
            "latitude": 0, "longitude": 0, "timezone": "", "isEmpty": false,
        })
    });
    json!({
        "referer": referrer,
        "date": moment(click.at),
        "userAgent": click.user_agent,
        "visitLocation": location,
        "potentialBot": click.bot,
    })
}

/// `GET /visits`.
pub(super) async fn overview(Shlink(asking): Shlink) -> Result<Json<Value>, Refusal> {
    asking.require(READ)?;
    let owner = (!asking.author.is_admin).then(|| asking.author.id.clone());
    let visits = asking.shortener.visits_of(owner).await?;
    Ok(Json(json!({ "visits": {
        "nonOrphanVisits": summary(visits.total(), visits.bots),
        "orphanVisits": summary(0, 0),
        "visitsCount": visits.total(),
        "orphanVisitsCount": 0,
    } })))
}

/// `GET /visits/orphan`: none are recorded.
pub(super) async fn orphans(
    Shlink(asking): Shlink,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, Refusal> {
    asking.require(READ)?;
    let page = PageAsked::of(&Pairs::of(query.as_deref()));
    let pagination = page.pagination(0, 0);
    Ok(Json(json!({ "visits": { "data": [], "pagination": pagination } })))
}
