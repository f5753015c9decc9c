//! What is told of a link's visits: counts and the latest ones.

use crate::click_store::{self, StoredClick};
use crate::model::{Author, Link, ShortAddress, ShortenError};
use crate::service::Shortener;
use crate::stats::{self, FacetRow, HourRow, Range, Stats};
use crate::store;

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
        let (hours, facets, unique_visitors) = self
            .sql
            .read::<_, ShortenError>(move |tx| {
                let hours = click_store::hours(tx, link.id, hours.start, hours.end - 1)?;
                let facets = click_store::facets(tx, link.id, days.start, days.end - 1)?;
                let visitors = click_store::visitors(tx, link.id, days.start, days.end - 1)?;
                Ok((hours, facets, visitors))
            })
            .await?;
        let hours: Vec<HourRow> =
            hours.into_iter().map(|(hour, tally)| HourRow { hour, tally }).collect();
        let day = range.days().start;
        let rows =
            facets.into_iter().map(|(facet, value, tally)| FacetRow { day, facet, value, tally });
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
        let id = self.watched_link(author, address).await?.id;
        Ok(self.sql.read(move |tx| click_store::recent(tx, id, before, limit)).await?)
    }

    /// Visits are told to those who made or hold the link, and to administrators.
    async fn watched_link(
        &self,
        author: &Author,
        address: &ShortAddress,
    ) -> Result<Link, ShortenError> {
        let (author, address) = (author.clone(), address.clone());
        self.sql
            .read(move |tx| {
                let found = store::find(tx, &address)?;
                let link = found.ok_or_else(|| ShortenError::NotFound(address.code.clone()))?;
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
