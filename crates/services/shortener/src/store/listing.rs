//! Listings by page number, and sums over all links: what other shorteners' APIs ask for.
//!
//! They read every link that matches, so they cost what a scan costs; [`super::list`] does not.

use kit::clock::Timestamp;
use kit::sql::{Row, SqlError, Tx, Value};

use super::{Filter, escaped, read_link, tags};
use crate::click_batch::Tally;
use crate::model::Link;

/// Tags that one listing may ask for.
pub const TAGS_ASKED_MAX: usize = 4;

/// What a listing is sorted by; the number is the tie-breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// The number, which is nearly when: what [`Listing::before`] goes with.
    #[default]
    Number,
    /// When the link was made, here or where it was imported from.
    Created,
    /// The code.
    Code,
    /// The long URL.
    Target,
    /// The title; links without one are as if it were empty.
    Title,
    /// Visits so far.
    Clicks,
}

/// Which links, in which order, and where the page begins.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Whose, and what is searched for. Its tag counts as one of `tags`.
    pub filter: Filter,
    /// At most [`TAGS_ASKED_MAX`]; further ones are not looked at.
    pub tags: Vec<String>,
    /// Whether a link needs all of `tags`; one of them is enough otherwise.
    pub all_tags: bool,
    /// Only this branded domain; empty for the service's own.
    pub domain: Option<String>,
    /// Only links made from then on.
    pub created_from: Option<Timestamp>,
    /// Only links made until then.
    pub created_to: Option<Timestamp>,
    /// Leaves out links that have no visit left.
    pub with_visits_left: bool,
    /// Leaves out links that end before this time.
    pub valid_at: Option<Timestamp>,
    /// Only links with a lower id: those made before.
    pub before: Option<i64>,
    /// What it is sorted by.
    pub order: Order,
    /// Highest first.
    pub descending: bool,
    /// Links before the page.
    pub offset: u64,
    /// Links in the page.
    pub limit: usize,
}

/// Links and their visits, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// Links.
    pub links: u64,
    /// Visits to them, as links count them.
    pub clicks: u64,
}

/// The condition that both a page and its count have; see [`parameters`].
macro_rules! where_listed {
    () => {
        "WHERE state <> 1
           AND (?1 OR created_by = ?2
                OR id IN (SELECT link_id FROM link_holder WHERE principal = ?2))
           AND (?3 OR LOWER(code) LIKE ?4 ESCAPE '!' OR LOWER(long_url) LIKE ?4 ESCAPE '!'
                OR LOWER(COALESCE(title, '')) LIKE ?4 ESCAPE '!'
                OR id IN (SELECT link_id FROM link_tag WHERE LOWER(tag) LIKE ?4 ESCAPE '!'))
           AND (?5 = 0 OR id IN (SELECT link_id FROM link_tag WHERE tag IN (?6, ?7, ?8, ?9)
                GROUP BY link_id HAVING COUNT(*) >= ?5))
           AND (?10 OR domain = ?11)
           AND created_at >= ?12 AND created_at <= ?13
           AND (NOT ?14 OR visits_left IS NULL OR visits_left > 0)
           AND (expires_at IS NULL OR expires_at > ?15)
           AND id < ?16 "
    };
}

/// One statement an order, since the text of a statement is fixed when the program is built.
macro_rules! page_by {
    ($column:literal, $descending:expr) => {
        match $descending {
            false => {
                select_link!(where_listed!(), "ORDER BY ", $column, ", id LIMIT ?17 OFFSET ?18")
            }
            true => select_link!(
                where_listed!(),
                "ORDER BY ",
                $column,
                " DESC, id DESC LIMIT ?17 OFFSET ?18"
            ),
        }
    };
}

/// A page of links.
///
/// # Errors
/// See [`SqlError`].
pub fn page(tx: &mut Tx<'_>, listing: &Listing) -> Result<Vec<Link>, SqlError> {
    let search = pattern(listing);
    let mut values = parameters(listing, &search);
    values.push(signed(listing.limit as u64).into());
    values.push(signed(listing.offset).into());
    let sql = match listing.order {
        Order::Number => page_by!("id", listing.descending),
        Order::Created => page_by!("created_at", listing.descending),
        Order::Code => page_by!("code", listing.descending),
        Order::Target => page_by!("long_url", listing.descending),
        Order::Title => page_by!("COALESCE(title, '')", listing.descending),
        Order::Clicks => page_by!("clicks", listing.descending),
    };
    let mut links = tx.query(sql, &values, read_link)?;
    for link in &mut links {
        link.tags = tags(tx, link.id)?;
    }
    Ok(links)
}

/// How many links all pages of a listing have, and their visits.
///
/// # Errors
/// See [`SqlError`].
pub fn count(tx: &mut Tx<'_>, listing: &Listing) -> Result<Sums, SqlError> {
    let search = pattern(listing);
    let sql = concat!(
        "SELECT COUNT(*), CAST(COALESCE(SUM(clicks), 0) AS BIGINT) FROM link ",
        where_listed!()
    );
    let found = tx.find(sql, &parameters(listing, &search), |row| {
        Ok(Sums { links: unsigned(row, 0)?, clicks: unsigned(row, 1)? })
    })?;
    Ok(found.unwrap_or_default())
}

/// Visits of people and bots of all time: to one link, or to all that `owner` made.
///
/// # Errors
/// See [`SqlError`].
pub fn sums(tx: &mut Tx<'_>, link_id: Option<i64>, owner: Option<&str>) -> Result<Tally, SqlError> {
    let found = match link_id {
        Some(id) => tx.find(
            "SELECT CAST(COALESCE(SUM(people), 0) AS BIGINT),
                 CAST(COALESCE(SUM(bots), 0) AS BIGINT), CAST(COALESCE(SUM(scans), 0) AS BIGINT)
             FROM click_hour WHERE link_id = ?1",
            &[id.into()],
            tally,
        )?,
        None => tx.find(
            "SELECT CAST(COALESCE(SUM(people), 0) AS BIGINT),
                 CAST(COALESCE(SUM(bots), 0) AS BIGINT), CAST(COALESCE(SUM(scans), 0) AS BIGINT)
             FROM click_hour WHERE ?1 OR link_id IN (SELECT id FROM link WHERE created_by = ?2)",
            &[owner.is_none().into(), owner.unwrap_or_default().into()],
            tally,
        )?,
    };
    Ok(found.unwrap_or_default())
}

/// A tag, its links, and the visits that were counted here.
#[derive(Clone, Debug)]
pub struct TagCount {
    /// The tag.
    pub tag: String,
    /// Links that have it.
    pub links: u64,
    /// Visits to them.
    pub visits: Tally,
}

/// Every tag by name.
///
/// # Errors
/// See [`SqlError`].
pub fn tag_counts(tx: &mut Tx<'_>, owner: Option<&str>) -> Result<Vec<TagCount>, SqlError> {
    tx.query(
        "SELECT CAST(COALESCE(SUM(visits.people), 0) AS BIGINT),
             CAST(COALESCE(SUM(visits.bots), 0) AS BIGINT),
             CAST(COALESCE(SUM(visits.scans), 0) AS BIGINT), COUNT(*), link_tag.tag
         FROM link_tag JOIN link ON link.id = link_tag.link_id
         LEFT JOIN (SELECT link_id, SUM(people) AS people, SUM(bots) AS bots,
                 SUM(scans) AS scans FROM click_hour GROUP BY link_id) AS visits
             ON visits.link_id = link.id
         WHERE link.state <> 1 AND (?1 OR link.created_by = ?2)
         GROUP BY link_tag.tag ORDER BY link_tag.tag",
        &[owner.is_none().into(), owner.unwrap_or_default().into()],
        |row| Ok(TagCount { tag: row.get(4)?, links: unsigned(row, 3)?, visits: tally(row)? }),
    )
}

fn tally(row: &Row<'_>) -> Result<Tally, SqlError> {
    Ok(Tally { people: unsigned(row, 0)?, bots: unsigned(row, 1)?, scans: unsigned(row, 2)? })
}

fn pattern(listing: &Listing) -> String {
    format!("%{}%", escaped(&listing.filter.search.to_lowercase()))
}

/// `?1` to `?16` of [`where_listed`].
fn parameters<'a>(listing: &'a Listing, search: &'a str) -> Vec<Value<'a>> {
    let owner = listing.filter.owner.as_deref();
    let own_tag = Some(listing.filter.tag.as_str()).filter(|tag| !tag.is_empty());
    let mut asked: Vec<&str> =
        own_tag.into_iter().chain(listing.tags.iter().map(String::as_str)).collect();
    asked.sort_unstable();
    asked.dedup();
    asked.truncate(TAGS_ASKED_MAX);
    let needed = if listing.all_tags { asked.len() } else { asked.len().min(1) };
    let mut values: Vec<Value<'a>> = vec![
        owner.is_none().into(),
        owner.unwrap_or_default().into(),
        listing.filter.search.is_empty().into(),
        search.into(),
        signed(needed as u64).into(),
    ];
    // No link has the empty tag, so the places that are left over match nothing.
    let tag = |index: usize| asked.get(index).copied().unwrap_or_default();
    values.extend((0..TAGS_ASKED_MAX).map(|index| Value::from(tag(index))));
    values.extend([
        Value::from(listing.domain.is_none()),
        listing.domain.as_deref().unwrap_or_default().into(),
        listing.created_from.map_or(i64::MIN, Timestamp::micros).into(),
        listing.created_to.map_or(i64::MAX, Timestamp::micros).into(),
        listing.with_visits_left.into(),
        listing.valid_at.map_or(i64::MIN, Timestamp::micros).into(),
        listing.before.unwrap_or(i64::MAX).into(),
    ]);
    values
}

fn unsigned(row: &Row<'_>, index: usize) -> Result<u64, SqlError> {
    row.get::<i64>(index).map(i64::unsigned_abs)
}

/// A number of rows stays far below 2^63.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
