//! The rows of clicks that wait to be added up, and the pass that does it.
//!
//! A click becomes about ten rows of counts. Where few links are clicked that is done at once.
//! Where the clicks of half a second are spread over many links, the rows would be spread over as
//! many pages, so the clicks themselves are written, in the order of their links: a run, one
//! sequential write. Runs are added up in passes, a pass taking all runs there are through the
//! links in order: a link clicked in a hundred runs is then written once. What is told of one
//! link adds the clicks that still wait for it ([`waiting`]), a look-up a run.
//!
//! Each step of a pass is one transaction that writes counts and moves the pass's mark, so a
//! crash repeats nothing and loses nothing. Two invariants, tested beside the service:
//! - L-1: a stored click is counted once: either in the counts or among those waiting, never both;
//! - L-2: a pass ends, and then none of its runs is left.

use std::ops::RangeInclusive;

use kit::sql::{SqlError, Tx};

use crate::click_batch::{Aggregator, Click, LinkBatch};
use crate::click_chunk::{self, Chunk};
use crate::click_store;

/// Runs that may wait, five minutes of them; each costs a look-up when a link's counts are read.
pub const RUNS_MAX: u64 = 600;
/// Links whose counts a step writes, about: some 25 ms. How many clicks they have does not matter,
/// so a pass costs what its links cost, and the more runs wait the less each costs.
const STEP_LINKS: usize = 500;
/// More would not be found in the one chunk that a step's reach is read from.
const REACH_MAX: usize = 128;
/// No link has a number like this: all links are done, and runs are being removed.
const ALL_DONE: i64 = i64::MAX;

/// How far the pass under way is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pass {
    /// It takes the runs up to this one.
    through_run: i64,
    /// Their clicks on links below are counted.
    next_link: i64,
}

/// How far a step goes: to the n-th link from where it starts that one of the runs has. The runs
/// together have more links there; how many is learnt from the step before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach(usize);

impl Default for Reach {
    fn default() -> Self {
        Self(REACH_MAX)
    }
}

impl Reach {
    /// For the step after one that wrote the counts of `links`.
    #[must_use]
    pub fn after(self, links: usize) -> Self {
        if links > 2 * STEP_LINKS {
            Self((self.0 / 2).max(1))
        } else if links < STEP_LINKS / 2 {
            Self((self.0 * 2).min(REACH_MAX))
        } else {
            self
        }
    }
}

/// What a step did, and has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stepped {
    /// Links whose counts it wrote.
    pub links: usize,
    /// Runs that still wait, those of the pass under way among them.
    pub runs: u64,
}

/// Stores a run.
///
/// # Errors
/// See [`SqlError`].
pub fn put(tx: &mut Tx<'_>, chunks: &[Chunk], clicks: u64) -> Result<(), SqlError> {
    let last = "SELECT MAX(run) FROM (SELECT MAX(run) AS run FROM click_run
                UNION ALL SELECT MAX(through_run) FROM click_pass) AS runs";
    let run = largest(tx, last)? + 1;
    let clicks = i64::try_from(clicks).unwrap_or(i64::MAX);
    let sql = "INSERT INTO click_run (run, clicks) VALUES (?1, ?2)";
    tx.execute(sql, &[run.into(), clicks.into()])?;
    let first_id = largest(tx, "SELECT MAX(id) FROM click_chunk")? + 1;
    for (id, chunk) in (first_id..).zip(chunks) {
        tx.execute(
            "INSERT INTO click_chunk (id, run, first_link, last_link, clicks)
             VALUES (?1, ?2, ?3, ?4, ?5)",
            &[
                id.into(),
                run.into(),
                chunk.first_link.into(),
                chunk.last_link.into(),
                (&chunk.bytes).into(),
            ],
        )?;
    }
    Ok(())
}

/// How many runs wait.
///
/// # Errors
/// See [`SqlError`].
pub fn count(tx: &mut Tx<'_>) -> Result<u64, SqlError> {
    let found = tx.find("SELECT COUNT(*) FROM click_run", &[], |row| row.get::<i64>(0))?;
    Ok(found.unwrap_or(0).unsigned_abs())
}

/// The clicks on a link that are not in its counts yet; none when there are none.
///
/// # Errors
/// See [`SqlError`].
pub fn waiting(tx: &mut Tx<'_>, link_id: i64) -> Result<Option<LinkBatch>, SqlError> {
    let pass = pass(tx)?;
    let mut aggregator = Aggregator::default();
    for run in runs(tx, i64::MAX)? {
        let is_counted =
            pass.is_some_and(|pass| run <= pass.through_run && link_id < pass.next_link);
        if !is_counted {
            add(tx, run, link_id..=link_id, &mut aggregator)?;
        }
    }
    Ok(aggregator.take().links.remove(&link_id))
}

/// Counts the next clicks of the pass under way, or of a new one, or removes a run that is done.
///
/// Cost: a look-up a run, and some 50 us for each link that it counts.
///
/// # Errors
/// See [`SqlError`].
pub fn step(tx: &mut Tx<'_>, reach: Reach) -> Result<Stepped, SqlError> {
    let pass = match pass(tx)? {
        Some(pass) => pass,
        None => match runs(tx, i64::MAX)?.last() {
            Some(last) => Pass { through_run: *last, next_link: i64::MIN },
            None => return Ok(Stepped { links: 0, runs: 0 }),
        },
    };
    let runs = runs(tx, pass.through_run)?;
    let (next, links) = match pass.next_link {
        ALL_DONE => (remove_first(tx, pass, &runs)?, 0),
        _ => count_next(tx, pass, &runs, reach).map(|(next, links)| (Some(next), links))?,
    };
    keep(tx, next)?;
    Ok(Stepped { links, runs: count(tx)? })
}

fn count_next(
    tx: &mut Tx<'_>,
    pass: Pass,
    runs: &[i64],
    reach: Reach,
) -> Result<(Pass, usize), SqlError> {
    let Some(links) = next_links(tx, pass.next_link, runs, reach)? else {
        return Ok((Pass { next_link: ALL_DONE, ..pass }, 0));
    };
    let mut aggregator = Aggregator::default();
    for run in runs {
        add(tx, *run, links.clone(), &mut aggregator)?;
    }
    let mut batches: Vec<(i64, LinkBatch)> = aggregator.take().links.into_iter().collect();
    batches.sort_unstable_by_key(|(link_id, _)| *link_id);
    for (link_id, batch) in &batches {
        click_store::write(tx, *link_id, batch)?;
    }
    Ok((Pass { next_link: links.end().saturating_add(1), ..pass }, batches.len()))
}

/// The links from `from` on that `reach` says, by the first run that has any left.
fn next_links(
    tx: &mut Tx<'_>,
    from: i64,
    runs: &[i64],
    reach: Reach,
) -> Result<Option<RangeInclusive<i64>>, SqlError> {
    for run in runs {
        let bytes = tx.find(
            "SELECT clicks FROM click_chunk WHERE run = ?1 AND last_link >= ?2
             ORDER BY last_link, id LIMIT 1",
            &[(*run).into(), from.into()],
            |row| row.get::<Vec<u8>>(0),
        )?;
        let Some(bytes) = bytes else { continue };
        let clicks = read(&bytes)?;
        let mut rest: Vec<i64> =
            clicks.iter().map(|click| click.link_id).filter(|link_id| *link_id >= from).collect();
        rest.dedup();
        return Ok(rest.iter().take(reach.0).next_back().map(|last| from..=*last));
    }
    Ok(None)
}

fn remove_first(tx: &mut Tx<'_>, pass: Pass, runs: &[i64]) -> Result<Option<Pass>, SqlError> {
    let Some(run) = runs.first() else { return Ok(None) };
    tx.execute("DELETE FROM click_chunk WHERE run = ?1", &[(*run).into()])?;
    tx.execute("DELETE FROM click_run WHERE run = ?1", &[(*run).into()])?;
    Ok((runs.len() > 1).then_some(pass))
}

fn add(
    tx: &mut Tx<'_>,
    run: i64,
    links: RangeInclusive<i64>,
    aggregator: &mut Aggregator,
) -> Result<(), SqlError> {
    let chunks = tx.query(
        "SELECT clicks FROM click_chunk WHERE run = ?1 AND last_link >= ?2 AND first_link <= ?3
         ORDER BY last_link, id",
        &[run.into(), (*links.start()).into(), (*links.end()).into()],
        |row| row.get::<Vec<u8>>(0),
    )?;
    for bytes in &chunks {
        let clicks = read(bytes)?;
        clicks.iter().filter(|click| links.contains(&click.link_id)).for_each(|click| {
            aggregator.add(click);
        });
    }
    Ok(())
}

fn read(bytes: &[u8]) -> Result<Vec<Click<'_>>, SqlError> {
    click_chunk::read(bytes).map_err(|error| SqlError::Invalid(error.to_string()))
}

fn runs(tx: &mut Tx<'_>, through: i64) -> Result<Vec<i64>, SqlError> {
    let sql = "SELECT run FROM click_run WHERE run <= ?1 ORDER BY run";
    tx.query(sql, &[through.into()], |row| row.get(0))
}

fn pass(tx: &mut Tx<'_>) -> Result<Option<Pass>, SqlError> {
    tx.find("SELECT through_run, next_link FROM click_pass WHERE id = 1", &[], |row| {
        Ok(Pass { through_run: row.get(0)?, next_link: row.get(1)? })
    })
}

fn keep(tx: &mut Tx<'_>, pass: Option<Pass>) -> Result<(), SqlError> {
    let Some(pass) = pass else {
        return tx.execute("DELETE FROM click_pass", &[]).map(drop);
    };
    tx.execute(
        "INSERT INTO click_pass (id, through_run, next_link) VALUES (1, ?1, ?2)
         ON CONFLICT (id) DO UPDATE SET through_run = ?1, next_link = ?2",
        &[pass.through_run.into(), pass.next_link.into()],
    )
    .map(drop)
}

/// What `sql` finds as the largest of some numbers; 0 when there are none.
fn largest(tx: &mut Tx<'_>, sql: &'static str) -> Result<i64, SqlError> {
    Ok(tx.find(sql, &[], |row| row.get::<Option<i64>>(0))?.flatten().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_reaches_as_far_as_its_links_allow() {
        let whole = Reach::default();
        assert_eq!(whole.after(0), whole);
        assert_eq!(whole.after(2 * STEP_LINKS), whole);
        let half = whole.after(2 * STEP_LINKS + 1);
        assert_eq!(half, Reach(REACH_MAX / 2));
        assert_eq!(half.after(STEP_LINKS / 2), half);
        assert_eq!(half.after(STEP_LINKS / 2 - 1), whole);
        assert_eq!(Reach(1).after(usize::MAX), Reach(1));
    }
}
