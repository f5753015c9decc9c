//! The rows of clicks: hours, facets, visitors, and the latest clicks one by one.

use std::collections::{BTreeMap, HashSet};

use kit::clock::Timestamp;
use kit::sql::{Row, SqlError, Tx};
use structures::hyperloglog::HyperLogLog;

use crate::click_batch::{DayBatch, Facet, LinkBatch, RecentClick, Tally};
use crate::stats::HourRow;

/// Clicks kept one by one a link.
pub const RECENT_MAX: i64 = 1_000;

/// Adds the clicks of one link. Those of a link that does not exist are counted for nobody.
///
/// # Errors
/// See [`SqlError`].
pub fn write(tx: &mut Tx<'_>, link_id: i64, batch: &LinkBatch) -> Result<(), SqlError> {
    let total: u64 = batch.hours.values().map(Tally::total).sum();
    let add = "UPDATE link SET clicks = clicks + ?2,
             last_used_at = CASE WHEN last_used_at < ?3 THEN ?3 ELSE last_used_at END
         WHERE id = ?1 RETURNING clicks";
    let parameters = [link_id.into(), signed(total).into(), batch.last_click_us.into()];
    let Some(clicks) = tx.find(add, &parameters, |row| row.get::<i64>(0))? else {
        return Ok(());
    };
    for (hour, tally) in &batch.hours {
        tx.execute(
            "INSERT INTO click_hour (link_id, hour, people, bots, scans)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (link_id, hour) DO UPDATE SET people = click_hour.people + ?3,
                 bots = click_hour.bots + ?4, scans = click_hour.scans + ?5",
            &[
                link_id.into(),
                (*hour).into(),
                signed(tally.people).into(),
                signed(tally.bots).into(),
                signed(tally.scans).into(),
            ],
        )?;
    }
    for (day, clicks) in &batch.days {
        write_day(tx, link_id, *day, clicks)?;
    }
    write_recent(tx, link_id, clicks, batch)
}

fn write_day(tx: &mut Tx<'_>, link_id: i64, day: i64, clicks: &DayBatch) -> Result<(), SqlError> {
    let limited = limit_referrers(tx, link_id, day, clicks)?;
    for (facet, value, tally) in limited.as_ref().unwrap_or(clicks).facets() {
        tx.execute(
            "INSERT INTO click_facet (link_id, day, facet, value, people, bots, scans)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (link_id, day, facet, value) DO UPDATE SET
                 people = click_facet.people + ?5, bots = click_facet.bots + ?6,
                 scans = click_facet.scans + ?7",
            &[
                link_id.into(),
                day.into(),
                facet.as_str().into(),
                value.into(),
                signed(tally.people).into(),
                signed(tally.bots).into(),
                signed(tally.scans).into(),
            ],
        )?;
    }
    if clicks.visitors.is_empty() {
        return Ok(());
    }
    let mut visitors = clicks.visitors.clone();
    let stored = "SELECT sketch FROM click_visitors WHERE link_id = ?1 AND day = ?2";
    let stored = tx.find(stored, &[link_id.into(), day.into()], |row| row.get::<Vec<u8>>(0))?;
    if let Some(stored) = stored.and_then(|bytes| HyperLogLog::from_bytes(&bytes).ok()) {
        // One precision is used throughout, so the merge cannot be refused.
        let _ = visitors.merge(&stored);
    }
    tx.execute(
        "INSERT INTO click_visitors (link_id, day, sketch) VALUES (?1, ?2, ?3)
         ON CONFLICT (link_id, day) DO UPDATE SET sketch = ?3",
        &[link_id.into(), day.into(), (&visitors.to_bytes()).into()],
    )
    .map(drop)
}

/// Reads the stored referrers only when there is something new to compare them with.
fn limit_referrers(
    tx: &mut Tx<'_>,
    link_id: i64,
    day: i64,
    clicks: &DayBatch,
) -> Result<Option<DayBatch>, SqlError> {
    let mut new = clicks.facets().filter(|(facet, value, _)| {
        *facet == Facet::Referrer && !matches!(*value, crate::referrer::DIRECT)
    });
    if new.next().is_none() {
        return Ok(None);
    }
    let stored = tx.query(
        "SELECT value FROM click_facet WHERE link_id = ?1 AND day = ?2 AND facet = 'referrer'",
        &[link_id.into(), day.into()],
        |row| row.get::<String>(0),
    )?;
    let stored: HashSet<String> = stored.into_iter().collect();
    let mut limited = clicks.clone();
    limited.limit_referrers(&|host| stored.contains(host), stored.len());
    Ok(Some(limited))
}

fn write_recent(
    tx: &mut Tx<'_>,
    link_id: i64,
    last: i64,
    batch: &LinkBatch,
) -> Result<(), SqlError> {
    let first = last - signed(batch.recent.len() as u64) + 1;
    for (sequence, click) in (first..).zip(&batch.recent) {
        tx.execute(
            "INSERT INTO click_recent (link_id, sequence, at, referrer, user_agent, country,
                 device, browser, system, bot, scan)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            &[
                link_id.into(),
                sequence.into(),
                click.at_us.into(),
                (&click.referrer).into(),
                (&click.user_agent).into(),
                click.country.as_str().into(),
                click.agent.device.as_str().into(),
                click.agent.browser.into(),
                click.agent.os.into(),
                click.agent.is_bot().into(),
                click.scan.into(),
            ],
        )?;
    }
    if last <= RECENT_MAX {
        return Ok(());
    }
    let old = "DELETE FROM click_recent WHERE link_id = ?1 AND sequence <= ?2";
    tx.execute(old, &[link_id.into(), (last - RECENT_MAX).into()]).map(drop)
}

/// One of the latest clicks, as it is stored.
#[derive(Clone, Debug)]
pub struct StoredClick {
    /// Counts the clicks of a link from 1; newer is higher.
    pub sequence: i64,
    /// When.
    pub at: Timestamp,
    /// Host of the referring page, `direct` or `other`.
    pub referrer: String,
    /// The header, cut to its bound.
    pub user_agent: String,
    /// ISO 3166-1 alpha-2 or `unknown`.
    pub country: String,
    /// Device class.
    pub device: String,
    /// Browser family.
    pub browser: String,
    /// Operating system family.
    pub system: String,
    /// Whether a bot.
    pub bot: bool,
    /// Whether from a QR code.
    pub scan: bool,
}

/// The latest clicks of a link with a sequence below `before`, newest first.
///
/// # Errors
/// See [`SqlError`].
pub fn recent(
    tx: &mut Tx<'_>,
    link_id: i64,
    before: Option<i64>,
    limit: usize,
) -> Result<Vec<StoredClick>, SqlError> {
    let limit = signed(limit as u64);
    tx.query(
        "SELECT sequence, at, referrer, user_agent, country, device, browser, system, bot, scan
         FROM click_recent WHERE link_id = ?1 AND sequence < ?2 ORDER BY sequence DESC LIMIT ?3",
        &[link_id.into(), before.unwrap_or(i64::MAX).into(), limit.into()],
        |row| {
            Ok(StoredClick {
                sequence: row.get(0)?,
                at: row.time(1)?,
                referrer: row.get(2)?,
                user_agent: row.get(3)?,
                country: row.get(4)?,
                device: row.get(5)?,
                browser: row.get(6)?,
                system: row.get(7)?,
                bot: row.get(8)?,
                scan: row.get(9)?,
            })
        },
    )
}

/// Clicks on a link in its counts.
///
/// # Errors
/// See [`SqlError`].
pub fn clicks(tx: &mut Tx<'_>, link_id: i64) -> Result<i64, SqlError> {
    let sql = "SELECT clicks FROM link WHERE id = ?1";
    Ok(tx.find(sql, &[link_id.into()], |row| row.get(0))?.unwrap_or(0))
}

/// The latest of the clicks that wait to be counted after `clicks` others, newest first, as they
/// will be stored.
pub fn not_stored_yet(clicks: i64, waiting: &LinkBatch) -> Vec<StoredClick> {
    let total: u64 = waiting.hours.values().map(Tally::total).sum();
    let last = clicks.saturating_add(signed(total));
    let numbered = (0..).map(|age| last - age).zip(waiting.recent.iter().rev());
    let stored = |(sequence, click): (i64, &RecentClick)| StoredClick {
        sequence,
        at: Timestamp::from_micros(click.at_us),
        referrer: click.referrer.clone(),
        user_agent: click.user_agent.clone(),
        country: click.country.as_str().to_owned(),
        device: click.agent.device.as_str().to_owned(),
        browser: click.agent.browser.to_owned(),
        system: click.agent.os.to_owned(),
        bot: click.agent.is_bot(),
        scan: click.scan,
    };
    numbered.map(stored).collect()
}

/// Counts by hour, `from` and `to` included.
///
/// # Errors
/// See [`SqlError`].
pub fn hours(tx: &mut Tx<'_>, link_id: i64, from: i64, to: i64) -> Result<Vec<HourRow>, SqlError> {
    tx.query(
        "SELECT people, bots, scans, hour FROM click_hour
         WHERE link_id = ?1 AND hour >= ?2 AND hour <= ?3 ORDER BY hour",
        &[link_id.into(), from.into(), to.into()],
        |row| Ok(HourRow { hour: row.get(3)?, tally: tally(row)? }),
    )
}

/// Counts by value of each facet over the days `from` to `to`, both included.
///
/// # Errors
/// See [`SqlError`].
pub fn facets(
    tx: &mut Tx<'_>,
    link_id: i64,
    from: i64,
    to: i64,
) -> Result<Vec<(Facet, String, Tally)>, SqlError> {
    let rows = tx.query(
        "SELECT CAST(SUM(people) AS BIGINT), CAST(SUM(bots) AS BIGINT),
             CAST(SUM(scans) AS BIGINT), facet, value
         FROM click_facet WHERE link_id = ?1 AND day >= ?2 AND day <= ?3 GROUP BY facet, value",
        &[link_id.into(), from.into(), to.into()],
        |row| Ok((row.get::<String>(3)?, row.get(4)?, tally(row)?)),
    )?;
    let known = |(facet, value, tally): (String, _, _)| {
        Facet::from_word(&facet).map(|facet| (facet, value, tally))
    };
    Ok(rows.into_iter().filter_map(known).collect())
}

/// Sketches of the visitors of the days `from` to `to`, both included.
///
/// # Errors
/// See [`SqlError`].
pub fn visitors(
    tx: &mut Tx<'_>,
    link_id: i64,
    from: i64,
    to: i64,
) -> Result<BTreeMap<i64, HyperLogLog>, SqlError> {
    let stored = tx.query(
        "SELECT day, sketch FROM click_visitors WHERE link_id = ?1 AND day >= ?2 AND day <= ?3",
        &[link_id.into(), from.into(), to.into()],
        |row| Ok((row.get::<i64>(0)?, row.get::<Vec<u8>>(1)?)),
    )?;
    let sketch = |bytes: &[u8]| HyperLogLog::from_bytes(bytes).unwrap_or_default();
    Ok(stored.iter().map(|(day, bytes)| (*day, sketch(bytes))).collect())
}

/// The key of `day`: `fresh` unless another was stored; keys of other days are forgotten.
///
/// # Errors
/// See [`SqlError`].
pub fn salt_of(tx: &mut Tx<'_>, day: i64, fresh: [u8; 16]) -> Result<[u8; 16], SqlError> {
    let name = format!("visitor-salt-{day}");
    tx.execute(
        "DELETE FROM setting WHERE name LIKE 'visitor-salt-%' AND name <> ?1",
        &[(&name).into()],
    )?;
    let stored = crate::store::setting(tx, &name, || fresh.to_vec())?;
    Ok(<[u8; 16]>::try_from(stored).unwrap_or(fresh))
}

fn tally(row: &Row<'_>) -> Result<Tally, SqlError> {
    let count = |index| row.get::<i64>(index).map(i64::unsigned_abs);
    Ok(Tally { people: count(0)?, bots: count(1)?, scans: count(2)? })
}

/// A count stays far below 2^63.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
