use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::agent::Agent;
use crate::referrer;

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0";

fn click(link_id: i64, at_us: i64) -> Click<'static> {
    Click {
        link_id,
        at_us,
        referrer: Some("https://news.example.org/a"),
        agent: Some(FIREFOX),
        country: Country::from_header(Some("DE")),
        visitor: 0x9e37_79b9_7f4a_7c15,
        scan: false,
    }
}

#[test]
fn a_click_is_counted_by_hour_day_and_facet() {
    let mut aggregator = Aggregator::default();
    aggregator.add(&click(7, 0));
    aggregator.add(&Click { scan: true, ..click(7, HOUR_US - 1) });
    aggregator.add(&Click { agent: Some("curl/8.5.0"), ..click(7, DAY_US) });
    assert_eq!(aggregator.pending(), 3);
    let batch = aggregator.take();
    assert_eq!(aggregator.pending(), 0);

    let link = &batch.links[&7];
    assert_eq!(link.hours[&0], Tally { people: 2, bots: 0, scans: 1 });
    assert_eq!(link.hours[&24], Tally { people: 0, bots: 1, scans: 0 });
    assert_eq!(link.last_click_us, DAY_US);
    assert_eq!(link.recent.len(), 3);
    let mut facets: Vec<_> =
        link.days[&0].facets().map(|(facet, value, tally)| (facet, value, tally.total())).collect();
    facets.sort_unstable();
    assert_eq!(
        facets,
        [
            (Facet::Referrer, "news.example.org", 2),
            (Facet::Country, "DE", 2),
            (Facet::Device, "desktop", 2),
            (Facet::Browser, "Firefox", 2),
            (Facet::Os, "Linux", 2),
        ]
    );
    assert_eq!(link.days[&0].visitors.estimate(), 1);
    assert_eq!(link.days[&1].visitors.estimate(), 0, "a bot is no visitor");
}

#[test]
fn times_before_1970_fall_into_hours_before_it() {
    assert_eq!((hour_of(-1), day_of(-1)), (-1, -1));
    let mut aggregator = Aggregator::default();
    aggregator.add(&click(1, -5));
    assert_eq!(aggregator.take().links[&1].last_click_us, -5);
}

#[test]
fn only_the_latest_hundred_clicks_are_kept() {
    let mut aggregator = Aggregator::default();
    (0..250).for_each(|at_us| aggregator.add(&click(1, at_us)));
    let batch = aggregator.take();
    let times: Vec<i64> = batch.links[&1].recent.iter().map(|click| click.at_us).collect();
    assert_eq!(times, (150..250).collect::<Vec<_>>());
    assert!(batch.links[&1].recent.iter().all(|click| click.user_agent == FIREFOX));
}

#[test]
fn referrers_are_bounded_in_the_batch_and_against_the_store() {
    let mut aggregator = Aggregator::default();
    for number in 0..1500 {
        let referrer = format!("https://site{number}.example/");
        aggregator.add(&Click { referrer: Some(&referrer), ..click(1, 0) });
    }
    let mut batch = aggregator.take();
    let Some(day) = batch.links.get_mut(&1).and_then(|link| link.days.get_mut(&0)) else {
        panic!("day 0 is missing")
    };
    let referrers = |day: &DayBatch| -> BTreeMap<String, u64> {
        day.facets()
            .filter(|(facet, ..)| *facet == Facet::Referrer)
            .map(|(_, host, tally)| (host.to_owned(), tally.people))
            .collect()
    };
    assert_eq!(referrers(day).len(), MAX_REFERRERS_A_DAY + 1);
    assert_eq!(referrers(day)[referrer::OTHER], 500);

    // The store has 990 others and the first of these: room for nine more.
    day.limit_referrers(&|host| host == "site0.example", 991);
    assert_eq!(referrers(day).len(), 1 + 9 + 1);
    assert_eq!(referrers(day).values().sum::<u64>(), 1500);
}

#[test]
fn the_memo_is_bounded_and_keeps_what_is_in_use() {
    let mut memo = AgentMemo::default();
    for number in 0..3 * MEMO_ENTRIES {
        assert_eq!(memo.parse(Some(FIREFOX)), Agent::parse(Some(FIREFOX)));
        memo.parse(Some(&format!("curl/{number}")));
        assert!(memo.len() <= MEMO_ENTRIES);
    }
    assert!(!memo.is_empty());
}

#[test]
fn facets_are_stored_under_their_words() {
    for facet in Facet::ALL {
        assert_eq!(Facet::from_word(facet.as_str()), Some(facet));
    }
    assert_eq!(Facet::from_word("colour"), None);
}

const AGENTS: [&str; 3] = [FIREFOX, "curl/8.5.0", "Twitterbot/1.0"];

proptest! {
    #[test]
    fn nothing_is_lost_or_counted_twice(
        clicks in prop::collection::vec(
            (0i64..5, 0i64..3 * DAY_US, 0usize..3, any::<u64>(), any::<bool>()),
            0..200,
        ),
    ) {
        let mut aggregator = Aggregator::default();
        for (link, at_us, agent, visitor, scan) in &clicks {
            let agent = Some(AGENTS[*agent]);
            let (visitor, scan) = (*visitor, *scan);
            aggregator.add(&Click { agent, visitor, scan, ..click(*link, *at_us) });
        }
        let batch = aggregator.take();
        prop_assert_eq!(batch.clicks, clicks.len() as u64);
        let links: HashSet<i64> = clicks.iter().map(|click| click.0).collect();
        prop_assert_eq!(batch.links.len(), links.len());
        for (id, link) in &batch.links {
            let of_link: Vec<_> = clicks.iter().filter(|click| click.0 == *id).collect();
            let mut total = Tally::default();
            link.hours.values().for_each(|tally| total.add(*tally));
            prop_assert_eq!(total.total(), of_link.len() as u64);
            prop_assert_eq!(total.people, of_link.iter().filter(|c| c.2 == 0).count() as u64);
            prop_assert_eq!(total.scans, of_link.iter().filter(|c| c.4).count() as u64);
            prop_assert_eq!(Some(link.last_click_us), of_link.iter().map(|c| c.1).max());
            for facet in Facet::ALL {
                let sum: u64 = link
                    .days
                    .values()
                    .flat_map(|day| day.facets())
                    .filter(|row| row.0 == facet)
                    .map(|row| row.2.total())
                    .sum();
                prop_assert_eq!(sum, total.total());
            }
        }
    }
}
