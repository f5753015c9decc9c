//! What a batch holds of one link.

use std::collections::{BTreeMap, HashMap, VecDeque};

use structures::hyperloglog::HyperLogLog;

use super::{Click, MAX_RECENT_CLICKS, MAX_REFERRERS_A_DAY, day_of, hour_of};
use crate::agent::{Agent, Device, cut};
use crate::country::Country;
use crate::referrer;

/// Counts of clicks. Every click is a person's or a bot's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// By people, as far as can be told.
    pub people: u64,
    /// By bots.
    pub bots: u64,
    /// Those of either that came from a QR code.
    pub scans: u64,
}

impl Tally {
    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.people + self.bots
    }

    /// Adds another count to this one.
    pub fn add(&mut self, other: Self) {
        self.people += other.people;
        self.bots += other.bots;
        self.scans += other.scans;
    }
}

/// What clicks of a day are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Facet {
    /// Host of the referring page.
    Referrer,
    /// ISO 3166-1 alpha-2 code, or `unknown`.
    Country,
    /// Device class.
    Device,
    /// Browser family, or a bot's name.
    Browser,
    /// Operating system family.
    Os,
}

impl Facet {
    /// All facets.
    pub const ALL: [Self; 5] =
        [Self::Referrer, Self::Country, Self::Device, Self::Browser, Self::Os];

    /// The word it is stored and shown under.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Referrer => "referrer",
            Self::Country => "country",
            Self::Device => "device",
            Self::Browser => "browser",
            Self::Os => "os",
        }
    }

    /// The facet stored under `word`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|facet| facet.as_str() == word)
    }
}

/// One of the latest clicks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentClick {
    /// When, in microseconds since 1970 UTC.
    pub at_us: i64,
    /// Host of the referring page.
    pub referrer: String,
    /// The `User-Agent` header, at most [`crate::agent::MAX_AGENT_LEN`] bytes.
    pub user_agent: String,
    /// What it says.
    pub agent: Agent,
    /// Where from.
    pub country: Country,
    /// Whether from a QR code.
    pub scan: bool,
}

/// Clicks of a link in a batch.
#[derive(Debug, Clone, Default)]
pub struct LinkBatch {
    /// Counts by hour since 1970 UTC.
    pub hours: BTreeMap<i64, Tally>,
    /// Details by day since 1970 UTC. Boxed: a tree's node has room for eleven, most need one.
    pub days: BTreeMap<i64, Box<DayBatch>>,
    /// The latest time of a click, in microseconds since 1970 UTC.
    pub last_click_us: i64,
    /// The latest clicks, oldest first, at most [`MAX_RECENT_CLICKS`].
    pub recent: VecDeque<RecentClick>,
}

/// Clicks of a link on a day.
#[derive(Debug, Clone, Default)]
pub struct DayBatch {
    /// Visitors, bots left out: a sketch of precision 12.
    pub visitors: HyperLogLog,
    referrers: HashMap<Box<str>, Tally>,
    countries: Few<Country>,
    devices: Few<Device>,
    browsers: Few<&'static str>,
    systems: Few<&'static str>,
}

/// Counts by a value of a short list (250 countries at most). Searched in order: nearly all links
/// have a handful in a batch, and a map's first entry would cost more than the search.
#[derive(Debug, Clone)]
struct Few<K>(Vec<(K, Tally)>);

impl<K> Default for Few<K> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Copy + PartialEq> Few<K> {
    fn add(&mut self, value: K, one: Tally) {
        match self.0.iter_mut().find(|(known, _)| *known == value) {
            Some((_, tally)) => tally.add(one),
            None => self.0.push((value, one)),
        }
    }
}

impl LinkBatch {
    pub(crate) fn add(&mut self, click: &Click<'_>, agent: Agent) {
        let is_bot = agent.is_bot();
        let one = Tally {
            people: u64::from(!is_bot),
            bots: u64::from(is_bot),
            scans: u64::from(click.scan),
        };
        self.last_click_us = match self.hours.is_empty() {
            true => click.at_us,
            false => self.last_click_us.max(click.at_us),
        };
        self.hours.entry(hour_of(click.at_us)).or_default().add(one);

        let referrer = referrer::host(click.referrer);
        let day = self.days.entry(day_of(click.at_us)).or_default();
        day.add_referrer(&referrer, one);
        day.countries.add(click.country, one);
        day.devices.add(agent.device, one);
        day.browsers.add(agent.browser, one);
        day.systems.add(agent.os, one);
        if !is_bot {
            day.visitors.insert_hash(click.visitor);
        }
        self.keep(click, &referrer, agent);
    }

    fn keep(&mut self, click: &Click<'_>, referrer: &str, agent: Agent) {
        // A busy link's oldest entry lends its buffers to the newest.
        let is_full = self.recent.len() >= MAX_RECENT_CLICKS;
        let oldest = if is_full { self.recent.pop_front() } else { None };
        let (mut host, mut user_agent) = oldest.map(RecentClick::buffers).unwrap_or_default();
        host.push_str(referrer);
        user_agent.push_str(cut(click.agent.unwrap_or_default()));
        let Click { at_us, country, scan, .. } = *click;
        self.recent.push_back(RecentClick {
            at_us,
            referrer: host,
            user_agent,
            agent,
            country,
            scan,
        });
    }
}

impl RecentClick {
    fn buffers(mut self) -> (String, String) {
        self.referrer.clear();
        self.user_agent.clear();
        (self.referrer, self.user_agent)
    }
}

impl DayBatch {
    /// Each value of each facet with its count: one row of a store each, in no order.
    pub fn facets(&self) -> impl Iterator<Item = (Facet, &str, Tally)> {
        let referrers = self.referrers.iter().map(|(k, v)| (Facet::Referrer, &**k, *v));
        let countries = self.countries.0.iter().map(|(k, v)| (Facet::Country, k.as_str(), *v));
        let devices = self.devices.0.iter().map(|(k, v)| (Facet::Device, k.as_str(), *v));
        let browsers = self.browsers.0.iter().map(|(k, v)| (Facet::Browser, *k, *v));
        let systems = self.systems.0.iter().map(|(k, v)| (Facet::Os, *k, *v));
        referrers.chain(countries).chain(devices).chain(browsers).chain(systems)
    }

    /// Counts as `other` what would be one referrer too many in the store.
    ///
    /// `stored` are the referrers the store already has for this link and day. To be called before
    /// [`DayBatch::facets`] is written, since a batch knows only of itself.
    pub fn limit_referrers(&mut self, stored: &dyn Fn(&str) -> bool, stored_count: usize) {
        let mut room = MAX_REFERRERS_A_DAY.saturating_sub(stored_count);
        let mut surplus = Tally::default();
        self.referrers.retain(|host, tally| {
            if &**host == referrer::OTHER || stored(host) {
                return true;
            }
            if room > 0 {
                room -= 1;
                return true;
            }
            surplus.add(*tally);
            false
        });
        if surplus.total() > 0 {
            self.referrers.entry(referrer::OTHER.into()).or_default().add(surplus);
        }
    }

    fn add_referrer(&mut self, host: &str, one: Tally) {
        if let Some(tally) = self.referrers.get_mut(host) {
            tally.add(one);
            return;
        }
        let has_room = self.referrers.len() < MAX_REFERRERS_A_DAY;
        let host = if has_room { host } else { referrer::OTHER };
        self.referrers.entry(host.into()).or_default().add(one);
    }
}
