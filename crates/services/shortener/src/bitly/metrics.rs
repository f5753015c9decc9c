//! What is read of one link: itself and its clicks.
//!
//! Clicks are counted by the hour, so `unit=minute` is refused. They are those of people and bots.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use kit::clock::Timestamp;
use kit::http::{Json, Query};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Bitly;
use super::links::shown_target;
use super::refusal::Refusal;
use super::wire::{Bitlink, moment, time};
use crate::click_batch::Facet;
use crate::doors::address_in;
use crate::http::{Asking, READ};
use crate::insight::LinkStats;
use crate::model::{Link, ShortAddress};
use crate::stats::{Bucket, MAX_BUCKETS, Range};

/// Values in an answer unless the caller says otherwise, and at most.
const SIZE_DEFAULT: usize = 50;
const SIZE_MAX: usize = 1_000;

/// The query of every metric.
#[derive(Debug, Default, Deserialize)]
pub(super) struct MetricsQuery {
    unit: Option<String>,
    /// -1 for all there are.
    units: Option<i64>,
    unit_reference: Option<String>,
    size: Option<usize>,
}

/// `GET /v4/bitlinks/{bitlink}` and what is below it.
pub(super) async fn bitlink(
    bitly: Bitly,
    Path(path): Path<String>,
    query: Result<Query<MetricsQuery>, kit::http::Problem>,
) -> Result<Response, Refusal> {
    let asking = &bitly.asking;
    asking.require(READ)?;
    let (address, part) = address_in(asking, &path)
        .ok_or_else(|| Refusal::not_found(format!("{path} is no id: it is a domain/code")))?;
    let link = asking.shortener.look_up(&address).await?;
    if part.is_empty() {
        let target = shown_target(asking, &link).to_owned();
        let shown = Link { long_url: target, ..link };
        return Ok(Json(Bitlink::new(shown, &bitly)).into_response());
    }
    let metrics = Metrics::read(asking, &address, &link, query?.0).await?;
    let answer = match part {
        "clicks" => metrics.clicks(),
        "clicks/summary" => metrics.summary(),
        "countries" => metrics.facet(Facet::Country, "countries"),
        "referrers" => metrics.facet(Facet::Referrer, "referrers"),
        "referring_domains" => metrics.facet(Facet::Referrer, "referring_domains"),
        "devices" => metrics.facet(Facet::Device, "device_type"),
        _ => return Err(Refusal::not_found(format!("a link has no {part}"))),
    };
    Ok(Json(answer).into_response())
}

/// Counts, and the words in which they were asked for.
struct Metrics {
    stats: LinkStats,
    unit: String,
    units: i64,
    reference: Timestamp,
    size: usize,
}

impl Metrics {
    async fn read(
        asking: &Asking,
        address: &ShortAddress,
        link: &Link,
        query: MetricsQuery,
    ) -> Result<Self, Refusal> {
        let unit = query.unit.unwrap_or_else(|| "day".to_owned());
        let bucket = Bucket::from_word(&unit)
            .ok_or_else(|| Refusal::argument("unit", "use hour, day, week or month"))?;
        let units = query.units.unwrap_or(-1);
        let asked = query.unit_reference.as_deref().unwrap_or_default();
        let reference = time("unit_reference", asked)?;
        let reference = reference.unwrap_or_else(|| asking.shortener.clock.now());
        let count = usize::try_from(units).unwrap_or(MAX_BUCKETS);
        let from_us = first_bucket(bucket, count, reference, link.created_at);
        // The end is not part of a range; a click of this very moment is.
        let range = Range { from_us, to_us: reference.micros().saturating_add(1), bucket };
        let stats = asking.shortener.stats(&asking.author, address, range).await?;
        let size = query.size.unwrap_or(SIZE_DEFAULT).clamp(1, SIZE_MAX);
        Ok(Self { stats, unit, units, reference, size })
    }

    fn clicks(self) -> Value {
        let newest_first = self.stats.counts.buckets.iter().rev().take(self.size);
        let clicks: Vec<Value> = newest_first
            .map(|bucket| {
                let date = moment(Timestamp::from_micros(bucket.start_us));
                json!({ "date": date, "clicks": bucket.tally.total() })
            })
            .collect();
        self.answer("link_clicks", json!(clicks))
    }

    fn summary(self) -> Value {
        let total = self.stats.counts.total.total();
        self.answer("total_clicks", json!(total))
    }

    fn facet(mut self, facet: Facet, name: &str) -> Value {
        let counts = self.stats.counts.facets.remove(&facet).unwrap_or_default();
        let metrics: Vec<Value> = counts
            .into_iter()
            .take(self.size)
            .map(|count| match facet {
                Facet::Device => json!({
                    "device_type": count.value, "value": count.value,
                    "clicks": count.tally.total(),
                }),
                _ => json!({ "value": count.value, "clicks": count.tally.total() }),
            })
            .collect();
        let mut answer = self.answer("metrics", json!(metrics));
        answer["facet"] = json!(name);
        answer
    }

    fn answer(&self, name: &str, value: Value) -> Value {
        let mut answer = json!({
            "unit": self.unit,
            "units": self.units,
            "unit_reference": moment(self.reference),
        });
        answer[name] = value;
        answer
    }
}

/// Where the `count`th bucket before and with `reference` begins; not before the link's first.
fn first_bucket(bucket: Bucket, count: usize, reference: Timestamp, created: Timestamp) -> i64 {
    let mut start_us = bucket.start_of(reference.micros());
    for _ in 1..count.min(MAX_BUCKETS) {
        if start_us <= created.micros() {
            break;
        }
        start_us = bucket.start_of(start_us - 1);
    }
    start_us
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_count_back_from_the_reference_to_the_links_first() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let (made, now) = (at("2026-11-01T10:00:00Z"), at("2026-11-22T06:23:13Z"));
        let first = |bucket, count| first_bucket(bucket, count, now, made);
        assert_eq!(first(Bucket::Day, 1), at("2026-11-22T00:00:00Z").micros());
        assert_eq!(first(Bucket::Day, 3), at("2026-11-20T00:00:00Z").micros());
        assert_eq!(first(Bucket::Hour, 2), at("2026-11-22T05:00:00Z").micros());
        assert_eq!(first(Bucket::Day, MAX_BUCKETS), at("2026-11-01T00:00:00Z").micros());
        assert_eq!(first(Bucket::Month, MAX_BUCKETS), at("2026-11-01T00:00:00Z").micros());
        assert_eq!(first(Bucket::Day, 0), at("2026-11-22T00:00:00Z").micros());
    }
}
