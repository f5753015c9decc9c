//! Clicks as they wait in memory: 40 bytes each, with the texts of their headers kept once.
//!
//! A link that is used once in a while costs as little as a click of a busy one, and adding up is
//! left to whoever writes. Pure: no clock, no I/O.

use std::collections::HashMap;

use crate::click_batch::Click;
use crate::country::Country;
use crate::{agent, referrer};

/// Different referrers, and agents, kept with one gathering; a click with a further one is kept
/// without it.
pub const TEXTS_MAX: usize = 65_536;

/// Clicks in the order in which they came.
#[derive(Debug, Default)]
pub struct Gathered {
    clicks: Vec<Kept>,
    referrers: Texts,
    agents: Texts,
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    link_id: i64,
    at_us: i64,
    visitor: u64,
    referrer: Text,
    agent: Text,
    country: Country,
    scan: bool,
}

/// The place of a text, counted from 1; none for a header that was absent or is not kept.
type Text = Option<std::num::NonZeroU32>;

#[derive(Debug, Default)]
struct Texts {
    places: HashMap<Box<str>, std::num::NonZeroU32>,
    by_place: Vec<Box<str>>,
}

impl Gathered {
    /// Keeps `click`. A referrer is reduced to its host at once, which is all that is counted.
    pub fn add(&mut self, click: &Click<'_>) {
        let host = click.referrer.map(|header| referrer::host(Some(header)));
        // As a header again, for whoever adds up reads it as one.
        let header_of = |host: &str| format!("https://{host}").into();
        let kept = Kept {
            link_id: click.link_id,
            at_us: click.at_us,
            visitor: click.visitor,
            referrer: host.and_then(|host| self.referrers.keep(&host, header_of)),
            agent: click
                .agent
                .and_then(|text| self.agents.keep(agent::cut(text), |text| text.into())),
            country: click.country,
            scan: click.scan,
        };
        self.clicks.push(kept);
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.clicks.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.clicks.is_empty()
    }

    /// The click at `index`, as it was added.
    pub fn get(&self, index: usize) -> Option<Click<'_>> {
        let kept = self.clicks.get(index)?;
        Some(Click {
            link_id: kept.link_id,
            at_us: kept.at_us,
            referrer: self.referrers.get(kept.referrer),
            agent: self.agents.get(kept.agent),
            country: kept.country,
            visitor: kept.visitor,
            scan: kept.scan,
        })
    }

    /// The links and places of all clicks.
    pub fn places(&self) -> impl Iterator<Item = (i64, usize)> {
        self.clicks.iter().enumerate().map(|(index, kept)| (kept.link_id, index))
    }
}

impl Texts {
    /// The place of what `key` was made into the first time.
    fn keep(&mut self, key: &str, make: impl FnOnce(&str) -> Box<str>) -> Text {
        if let Some(place) = self.places.get(key) {
            return Some(*place);
        }
        if self.by_place.len() >= TEXTS_MAX {
            return None;
        }
        self.by_place.push(make(key));
        let place = u32::try_from(self.by_place.len()).ok().and_then(std::num::NonZeroU32::new)?;
        self.places.insert(key.into(), place);
        Some(place)
    }

    fn get(&self, place: Text) -> Option<&str> {
        Some(&**self.by_place.get(place?.get() as usize - 1)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn click<'a>(link_id: i64, referrer: Option<&'a str>, agent: Option<&'a str>) -> Click<'a> {
        Click {
            link_id,
            at_us: 7,
            referrer,
            agent,
            country: Country::UNKNOWN,
            visitor: 1,
            scan: true,
        }
    }

    #[test]
    fn a_click_comes_back_with_the_host_of_its_referrer() {
        let mut gathered = Gathered::default();
        gathered.add(&click(1, Some("https://news.example/item?id=1"), Some("curl/8")));
        gathered.add(&click(2, Some("https://news.example/other"), None));
        assert_eq!(gathered.places().collect::<Vec<_>>(), [(1, 0), (2, 1)]);
        let first = gathered.get(0).unwrap();
        assert_eq!((first.link_id, first.agent, first.scan), (1, Some("curl/8"), true));
        let second = gathered.get(1).unwrap();
        assert_eq!(referrer::host(second.referrer), referrer::host(first.referrer));
        assert_eq!(referrer::host(second.referrer), "news.example");
        assert_eq!(second.agent, None);
        assert!(gathered.get(2).is_none());
    }

    #[test]
    fn texts_are_bounded_and_clicks_are_kept_without_them() {
        let mut gathered = Gathered::default();
        for number in 0..=TEXTS_MAX {
            let agent = format!("agent {number}");
            gathered.add(&click(1, None, Some(&agent)));
        }
        assert_eq!(gathered.len(), TEXTS_MAX + 1);
        assert!(gathered.get(TEXTS_MAX - 1).unwrap().agent.is_some());
        assert_eq!(gathered.get(TEXTS_MAX).unwrap().agent, None);
    }
}
