//! After the load: did the server count every click, within a second?

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::api::Api;
use crate::clock;
use crate::error::BenchError;
use crate::links::{Link, Links};
use crate::load;
use crate::target::Target;

/// From the last redirect until every click must be counted.
const SETTLE_LIMIT: Duration = Duration::from_secs(1);
/// Links beyond this are not asked about when links are checked one by one.
const LINKS_CHECKED_MAX: usize = 2_000;
/// Between two passes over links whose count is not right yet.
const PAUSE: Duration = Duration::from_millis(5);

/// Clicks that another tool made, which this side cannot count for each link.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Foreign {
    /// Redirects that the tool saw answered.
    pub(crate) answered: u64,
    /// Redirects that were under way when the tool stopped, at most.
    pub(crate) cut_off_max: u64,
}

/// What the check found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ClickCheck {
    /// Links whose statistics were read.
    pub(crate) links: usize,
    /// Redirects answered: at least as many must be counted.
    pub(crate) answered: u64,
    /// Redirects sent: at most as many may be counted.
    pub(crate) sent: u64,
    /// What the server says.
    pub(crate) counted: u64,
    /// From the last redirect to the last time that a count was found not to be right; with a sum,
    /// to the start of the pass that found it right. `None` if one was wrong after a second.
    pub(crate) settled_after_ms: Option<f64>,
}

struct Counts {
    counts: Vec<u64>,
    settled_after: Option<Duration>,
}

#[derive(Deserialize)]
struct Stats {
    total: u64,
}

/// Counts that are right: from answered to sent.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    answered: u64,
    sent: u64,
}

impl Bounds {
    fn of(link: &Link) -> Self {
        Self {
            answered: u64::from(link.answered.load(Ordering::Relaxed)),
            sent: u64::from(link.sent.load(Ordering::Relaxed)),
        }
    }

    fn hold(self, counted: u64) -> bool {
        (self.answered..=self.sent).contains(&counted)
    }
}

/// Reads the statistics of the links until they are right or a second after `ended` has passed.
/// With `foreign` clicks only the sum over all links can be checked; without, each link is.
///
/// # Errors
/// When the statistics cannot be read.
pub(crate) fn check(
    place: &Place<'_>,
    links: &Links,
    foreign: Option<Foreign>,
    ended: Instant,
) -> Result<ClickCheck, BenchError> {
    let asked = match foreign {
        Some(_) => &links.links[..],
        None => &links.links[..links.links.len().min(LINKS_CHECKED_MAX)],
    };
    let bounds: Vec<Bounds> = asked.iter().map(Bounds::of).collect();
    let foreign_or_none = foreign.unwrap_or_default();
    let own_answered: u64 = bounds.iter().map(|link| link.answered).sum();
    let own_sent: u64 = bounds.iter().map(|link| link.sent).sum();
    let sum = Bounds {
        answered: own_answered + foreign_or_none.answered,
        sent: own_sent + foreign_or_none.answered + foreign_or_none.cut_off_max,
    };
    let runtime = load::runtime()?;
    let Counts { counts, settled_after } = match foreign {
        Some(_) => runtime.block_on(poll_sum(place, asked, sum, ended)),
        None => runtime.block_on(poll_each(place, asked, &bounds, ended)),
    }?;
    Ok(ClickCheck {
        links: asked.len(),
        answered: sum.answered,
        sent: sum.sent,
        counted: counts.iter().sum(),
        settled_after_ms: settled_after.map(|after| after.as_secs_f64() * 1e3),
    })
}

/// Where statistics are read.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    /// The server.
    pub(crate) target: &'a Target,
    /// The owner's token.
    pub(crate) token: &'a str,
}

/// Asks again about the links that are not right yet, while there is time. One that is right stays
/// so: a long list is read once, and only what lags behind more often.
async fn poll_each(
    place: &Place<'_>,
    links: &[Link],
    bounds: &[Bounds],
    ended: Instant,
) -> Result<Counts, BenchError> {
    let mut api = Api::open(place.target).await?;
    let mut counts = vec![0; links.len()];
    let mut lagging: Vec<usize> = (0..links.len()).collect();
    let mut settled_after = Duration::ZERO;
    let mut is_late = false;
    loop {
        let mut still = Vec::new();
        for index in lagging {
            let after = clock::now().saturating_duration_since(ended);
            let counted = read_total(&mut api, place, &links[index]).await?;
            counts[index] = counted;
            let is_right = bounds[index].hold(counted);
            if is_right {
                continue;
            }
            settled_after = after;
            is_late |= after > SETTLE_LIMIT;
            if !is_late {
                still.push(index);
            }
        }
        if still.is_empty() {
            return Ok(Counts { counts, settled_after: (!is_late).then_some(settled_after) });
        }
        lagging = still;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Asks about all links until their sum is right.
async fn poll_sum(
    place: &Place<'_>,
    links: &[Link],
    sum: Bounds,
    ended: Instant,
) -> Result<Counts, BenchError> {
    let mut api = Api::open(place.target).await?;
    loop {
        let after = clock::now().saturating_duration_since(ended);
        let mut counts = Vec::with_capacity(links.len());
        for link in links {
            counts.push(read_total(&mut api, place, link).await?);
        }
        if sum.hold(counts.iter().sum()) && after <= SETTLE_LIMIT {
            return Ok(Counts { counts, settled_after: Some(after) });
        }
        if after > SETTLE_LIMIT {
            return Ok(Counts { counts, settled_after: None });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn read_total(api: &mut Api, place: &Place<'_>, link: &Link) -> Result<u64, BenchError> {
    let path = format!("/shortener/shorturls/{}/stats", link.code());
    let answer = api.get(&path, Some(place.token)).await?;
    Ok(answer.json::<Stats>(&path)?.total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_click_without_an_answer_may_be_counted_or_not() {
        let bounds = Bounds { answered: 3, sent: 4 };
        assert_eq!([2, 3, 4, 5].map(|count| bounds.hold(count)), [false, true, true, false]);
    }
}
