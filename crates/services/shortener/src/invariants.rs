//! What holds of the rows at any time, by name: one catalogue for tests and for `check-data`.
//!
//! Each is a query for the rows that break it, so a sound store answers with nothing.

use kit::invariant::{Invariant, Violation};
use kit::sql::{Db, Row, SqlError, Tx};

use crate::target;

/// Rows told of one invariant; a store that is broken throughout need not be listed.
pub const ROWS_MAX: i64 = 20;
/// Links read at once by S-5.
const PAGE: i64 = 1_000;

/// S-1: what makes it safe that a counter goes on from its mark after a crash.
pub const NUMBERS_BELOW_MARKS: Invariant =
    Invariant { id: "S-1", holds: "every link's number lies in a range, below the range's mark" };
/// S-2: else a target would be answered with a link that leads nowhere.
pub const DIGESTS_OF_ACTIVE_LINKS: Invariant =
    Invariant { id: "S-2", holds: "a link with a digest is active" };
/// S-3: both are written in one transaction. A link may have more than its hours: what another
/// shortener had counted comes with an import, as a sum.
pub const CLICKS_ADD_UP: Invariant =
    Invariant { id: "S-3", holds: "a link has at least the clicks of its hours" };
/// S-4: else a number could be handed out twice.
pub const RANGES_APART: Invariant = Invariant {
    id: "S-4",
    holds: "a range's mark lies within it, and no two ranges share a number",
};
/// S-5: else equal targets would not meet.
pub const DIGESTS_OF_TARGETS: Invariant =
    Invariant { id: "S-5", holds: "a link's digest is that of its long URL" };
/// S-6: what is left of a link nobody can reach.
pub const NOTHING_ORPHANED: Invariant =
    Invariant { id: "S-6", holds: "every tag, holder and count belongs to a link" };

/// S-7: generated codes are found by number, others by an index, so no one index sees to it.
pub const CODES_APART: Invariant =
    Invariant { id: "S-7", holds: "two links never have one code on one domain" };

/// All of them, in order.
pub const CATALOGUE: [Invariant; 7] = [
    NUMBERS_BELOW_MARKS,
    DIGESTS_OF_ACTIVE_LINKS,
    CLICKS_ADD_UP,
    RANGES_APART,
    DIGESTS_OF_TARGETS,
    NOTHING_ORPHANED,
    CODES_APART,
];

/// Every violation in `sql`, at most [`ROWS_MAX`] an invariant. Reads all links once.
///
/// # Errors
/// See [`SqlError`].
pub async fn check(sql: &Db) -> Result<Vec<Violation>, SqlError> {
    let mut violations = sql
        .read::<_, SqlError>(|tx| {
            let mut violations = Vec::new();
            for (invariant, rows) in [
                (NUMBERS_BELOW_MARKS, numbers_beyond_marks(tx)?),
                (DIGESTS_OF_ACTIVE_LINKS, digests_of_ended_links(tx)?),
                (CLICKS_ADD_UP, clicks_that_do_not_add_up(tx)?),
                (RANGES_APART, ranges_together(tx)?),
                (NOTHING_ORPHANED, orphans(tx)?),
                (CODES_APART, codes_together(tx)?),
            ] {
                let rows = rows.into_iter().take(ROWS_MAX as usize);
                violations.extend(rows.map(|row| invariant.broken_by(row)));
            }
            Ok(violations)
        })
        .await?;
    let strange = strange_digests(sql).await?.into_iter().take(ROWS_MAX as usize);
    violations.extend(strange.map(|row| DIGESTS_OF_TARGETS.broken_by(row)));
    violations.sort_by_key(|violation| violation.invariant.id);
    Ok(violations)
}

fn numbers_beyond_marks(tx: &mut Tx<'_>) -> Result<Vec<String>, SqlError> {
    tx.query(
        "SELECT id, code FROM link WHERE NOT EXISTS (
             SELECT number FROM code_range WHERE first_number <= link.id AND link.id < resume_at)
         ORDER BY id LIMIT ?1",
        &[ROWS_MAX.into()],
        |row| Ok(format!("{} has number {}", link(row)?, row.get::<i64>(0)?)),
    )
}

fn digests_of_ended_links(tx: &mut Tx<'_>) -> Result<Vec<String>, SqlError> {
    tx.query(
        "SELECT id, code, state FROM link WHERE digest IS NOT NULL AND state <> 0
         ORDER BY id LIMIT ?1",
        &[ROWS_MAX.into()],
        |row| Ok(format!("{} has a digest in state {}", link(row)?, row.get::<i64>(2)?)),
    )
}

fn clicks_that_do_not_add_up(tx: &mut Tx<'_>) -> Result<Vec<String>, SqlError> {
    tx.query(
        "SELECT id, code, clicks, CAST(counted AS BIGINT) FROM link JOIN (
             SELECT link_id, SUM(people + bots) AS counted FROM click_hour
             GROUP BY link_id) AS hours ON hours.link_id = link.id
         WHERE clicks < counted ORDER BY id LIMIT ?1",
        &[ROWS_MAX.into()],
        |row| {
            let (clicks, counted) = (row.get::<i64>(2)?, row.get::<i64>(3)?);
            Ok(format!("{} has {clicks} clicks and {counted} in its hours", link(row)?))
        },
    )
}

fn ranges_together(tx: &mut Tx<'_>) -> Result<Vec<String>, SqlError> {
    let ranges = tx.query(
        "SELECT number, first_number, end_number, resume_at FROM code_range
         ORDER BY first_number, number",
        &[],
        |row| Ok((row.get::<i64>(0)?, row.get::<i64>(1)?, row.get::<i64>(2)?, row.get::<i64>(3)?)),
    )?;
    let mut broken = Vec::new();
    let mut taken_to = i64::MIN;
    for (number, start, end, mark) in ranges {
        if !(start <= mark && mark <= end) {
            broken.push(format!("range {number} from {start} to {end} has its mark at {mark}"));
        }
        if start < taken_to {
            broken.push(format!("range {number} starts at {start}, below {taken_to}"));
        }
        taken_to = taken_to.max(end);
    }
    Ok(broken)
}

fn orphans(tx: &mut Tx<'_>) -> Result<Vec<String>, SqlError> {
    tx.query(
        "SELECT link_id, what FROM (
             SELECT link_id, 'a tag' AS what FROM link_tag
             UNION SELECT link_id, 'a holder' FROM link_holder
             UNION SELECT link_id, 'an hour of clicks' FROM click_hour
             UNION SELECT link_id, 'a day of clicks' FROM click_facet
             UNION SELECT link_id, 'a day of visitors' FROM click_visitors
             UNION SELECT link_id, 'a recent click' FROM click_recent) AS parts
         WHERE NOT EXISTS (SELECT id FROM link WHERE id = link_id)
         ORDER BY link_id, what LIMIT ?1",
        &[ROWS_MAX.into()],
        |row| Ok(format!("link {} has {} and no row", row.get::<i64>(0)?, row.get::<String>(1)?)),
    )
}

fn codes_together(tx: &mut Tx<'_>) -> Result<Vec<String>, SqlError> {
    tx.query(
        "SELECT MIN(id), code, MAX(id) FROM link GROUP BY domain, code HAVING COUNT(*) > 1
         ORDER BY 1 LIMIT ?1",
        &[ROWS_MAX.into()],
        |row| Ok(format!("{} has the code of link {} too", link(row)?, row.get::<i64>(2)?)),
    )
}

/// A page at a time, so that a large store is not held in memory.
async fn strange_digests(sql: &Db) -> Result<Vec<String>, SqlError> {
    let mut strange = Vec::new();
    let mut after = i64::MIN;
    while strange.len() < ROWS_MAX as usize {
        let page = sql.read::<_, SqlError>(move |tx| {
            tx.query(
                "SELECT id, code, long_url, digest FROM link WHERE id > ?1 AND digest IS NOT NULL
                 ORDER BY id LIMIT ?2",
                &[after.into(), PAGE.into()],
                |row| {
                    let (long_url, digest) = (row.get::<String>(2)?, row.get::<Vec<u8>>(3)?);
                    let is_its_own = target::digest_of(&long_url)
                        .is_ok_and(|own| own.as_slice() == digest.as_slice());
                    let told = format!("{} to {long_url} has another's digest", link(row)?);
                    Ok((row.get::<i64>(0)?, (!is_its_own).then_some(told)))
                },
            )
        });
        let page = page.await?;
        let Some((last, _)) = page.last() else { break };
        after = *last;
        strange.extend(page.into_iter().filter_map(|(_, told)| told));
    }
    Ok(strange)
}

/// The link of a row that begins with its id and code.
fn link(row: &Row<'_>) -> Result<String, SqlError> {
    Ok(format!("link {} ({})", row.get::<i64>(0)?, row.get::<String>(1)?))
}
