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
    /// From the last redirect to the start of the pass that found all counts right; `None` if they
    /// were not within a second.
    pub(crate) settled_after_ms: Option<f64>,
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
    let is_right = |counts: &[u64]| match foreign {
        Some(_) => sum.hold(counts.iter().sum()),
        None => counts.iter().zip(&bounds).all(|(&count, link)| link.hold(count)),
    };
    let (counts, settled_after) = load::runtime()?.block_on(poll(place, asked, is_right, ended))?;
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

async fn poll(
    place: &Place<'_>,
    links: &[Link],
    is_right: impl Fn(&[u64]) -> bool,
    ended: Instant,
) -> Result<(Vec<u64>, Option<Duration>), BenchError> {
    let mut api = Api::open(place.target).await?;
    loop {
        let began = clock::now();
        let mut counts = Vec::with_capacity(links.len());
        for link in links {
            counts.push(read_total(&mut api, place, link).await?);
        }
        let after = began.saturating_duration_since(ended);
        if is_right(&counts) && after <= SETTLE_LIMIT {
            return Ok((counts, Some(after)));
        }
        if after > SETTLE_LIMIT {
            return Ok((counts, None));
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
