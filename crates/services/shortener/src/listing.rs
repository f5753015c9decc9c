//! Listings and sums as the APIs of other shorteners ask for them: by page number, with totals.

use crate::click_batch::Tally;
use crate::model::{Link, ShortenError};
use crate::service::Shortener;
use crate::store::{self, Listing, Sums, TagCount};

/// A page of a listing.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The links of the page.
    pub links: Vec<Link>,
    /// Of all pages.
    pub sums: Sums,
}

impl Shortener {
    /// A page by its number, and how many links there are in all. Costs a scan.
    ///
    /// # Errors
    /// [`ShortenError::Store`].
    pub async fn page(&self, listing: Listing) -> Result<Listed, ShortenError> {
        self.sql
            .read(move |tx| {
                let sums = store::count(tx, &listing)?;
                Ok(Listed { links: store::page(tx, &listing)?, sums })
            })
            .await
    }

    /// How many links a listing has and how often they were visited; its page is not read.
    ///
    /// # Errors
    /// [`ShortenError::Store`].
    pub async fn count(&self, listing: Listing) -> Result<Sums, ShortenError> {
        self.sql.read(move |tx| Ok(store::count(tx, &listing)?)).await
    }

    /// Visits of all time to each of `links`, in their order.
    ///
    /// # Errors
    /// [`ShortenError::Store`].
    pub async fn visit_sums(&self, links: &[Link]) -> Result<Vec<Tally>, ShortenError> {
        let ids: Vec<i64> = links.iter().map(|link| link.id).collect();
        self.sql
            .read(move |tx| {
                let sums = ids.iter().map(|id| store::sums(tx, Some(*id), None));
                Ok(sums.collect::<Result<_, _>>()?)
            })
            .await
    }

    /// Visits of all time to the links that `owner` made; none: to all.
    ///
    /// # Errors
    /// [`ShortenError::Store`].
    pub async fn visits_of(&self, owner: Option<String>) -> Result<Tally, ShortenError> {
        self.sql.read(move |tx| Ok(store::sums(tx, None, owner.as_deref())?)).await
    }

    /// Every tag of the links that `owner` made, by name; none: of all.
    ///
    /// # Errors
    /// [`ShortenError::Store`].
    pub async fn tags_of(&self, owner: Option<String>) -> Result<Vec<TagCount>, ShortenError> {
        self.sql.read(move |tx| Ok(store::tag_counts(tx, owner.as_deref())?)).await
    }
}
