//! What is told of a link's visits: counts and the latest ones.

use std::collections::BTreeMap;

use kit::sql::Tx;
use structures::hyperloglog::HyperLogLog;

use crate::click_batch::{Facet, LinkBatch, Tally};
use crate::click_runs;
use crate::click_store::{self, StoredClick};
use crate::model::{Author, Link, ShortAddress, ShortenError};
use crate::service::Shortener;
use crate::stats::{self, FacetRow, HourRow, Range, Stats};
use crate::store;

/// What the store has for a range.
struct Counted {
    hours: Vec<HourRow>,
    facets: Vec<(Facet, String, Tally)>,
    visitors: BTreeMap<i64, HyperLogLog>,
    /// Not in the counts yet.
    waiting: LinkBatch,
}

/// The answer for a range.
#[derive(Clone, Debug)]
pub struct LinkStats {
    /// Counts over time and by facet.
    pub counts: Stats,
    /// Estimated.
    pub unique_visitors: u64,
}

impl Shortener {
    /// Counts of the visits to the link at `address`.
    ///
    /// # Errors
    /// [`ShortenError::NotFound`], [`ShortenError::NotCreator`], [`ShortenError::Field`] for a
    /// range that is empty or too long, [`ShortenError::Store`].
    pub async fn stats(
        &self,
        author: &Author,
        address: &ShortAddress,
        range: Range,
    ) -> Result<LinkStats, ShortenError> {
        range.check().map_err(refused)?;
        let link = self.watched_link(author, address).await?;
        let (hours, days) = (range.hours(), range.days());
        let stored = move |tx: &mut Tx<'_>| {
            Ok::<_, ShortenError>(Counted {
                hours: click_store::hours(tx, link.id, hours.start, hours.end - 1)?,
                facets: click_store::facets(tx, link.id, days.start, days.end - 1)?,
                visitors: click_store::visitors(tx, link.id, days.start, days.end - 1)?,
                waiting: click_runs::waiting(tx, link.id)?.unwrap_or_default(),
            })
        };
        let Counted { mut hours, facets, mut visitors, waiting } = self.sql.read(stored).await?;
        hours.extend(
            waiting.hours.iter().map(|(hour, tally)| HourRow { hour: *hour, tally: *tally }),
        );
        let days = range.days();
        let mut rows: Vec<FacetRow> = facets
            .into_iter()
            .map(|(facet, value, tally)| FacetRow { day: days.start, facet, value, tally })
            .collect();
        for (day, batch) in waiting.days.iter().filter(|(day, _)| days.contains(*day)) {
            rows.extend(batch.facets().map(|(facet, value, tally)| FacetRow {
                day: *day,
                facet,
                value: value.to_owned(),
                tally,
            }));
            // One precision is used throughout, so the merge cannot be refused.
            let _ = visitors.entry(*day).or_default().merge(&batch.visitors);
        }
        // One who came on two days counts twice, since nobody is followed from day to day.
        let unique_visitors = visitors.values().map(HyperLogLog::estimate).sum();
        let counts = stats::answer(range, &hours, rows).map_err(refused)?;
        Ok(LinkStats { counts, unique_visitors })
    }

    /// The latest visits with a sequence below `before`, newest first.
    ///
    /// # Errors
    /// As [`Shortener::stats`].
    pub async fn recent(
        &self,
        author: &Author,
        address: &ShortAddress,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<StoredClick>, ShortenError> {
        let link = self.watched_link(author, address).await?;
        let latest = move |tx: &mut Tx<'_>| {
            let waiting = click_runs::waiting(tx, link.id)?.unwrap_or_default();
            let clicks = click_store::clicks(tx, link.id)?;
            let mut latest = click_store::not_stored_yet(clicks, &waiting);
            latest.retain(|click| before.is_none_or(|before| click.sequence < before));
            latest.truncate(limit);
            let rest = limit - latest.len();
            latest.extend(click_store::recent(tx, link.id, before, rest)?);
            Ok(latest)
        };
        self.sql.read(latest).await
    }

    /// Visits are told to those who made or hold the link, and to administrators.
    async fn watched_link(
        &self,
        author: &Author,
        address: &ShortAddress,
    ) -> Result<Link, ShortenError> {
        let (author, place) = (author.clone(), self.place_of(address));
        self.sql
            .read(move |tx| {
                let found = store::find(tx, &place)?;
                let link =
                    found.ok_or_else(|| ShortenError::NotFound(place.address.code.clone()))?;
                let is_own = !author.id.is_empty()
                    && (link.created_by == author.id
                        || store::is_held_by(tx, link.id, &author.id)?);
                if is_own || author.is_admin { Ok(link) } else { Err(ShortenError::NotCreator) }
            })
            .await
    }
}

fn refused(refusal: stats::RangeRefusal) -> ShortenError {
    ShortenError::Field { field: "from, to, bucket", what: refusal.to_string() }
}
