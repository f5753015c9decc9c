//! Clicks over many links wait in the store as they are: none is counted twice, none is missed, and
//! what is told of a link does not depend on how far the adding up is (L-1, L-2).

use std::collections::HashMap;

use kit::clock::{Clock, Timestamp};
use kit::sql::{Db, SqlError};
use proptest::prelude::*;
use shortener::click_batch::{Click, Tally};
use shortener::click_chunk::{Chunk, Chunker};
use shortener::click_runs::{self, Reach};
use shortener::clicks::Visitor;
use shortener::country::Country;
use shortener::invariants;
use shortener::stats::{Bucket, Range};

use super::support::{Process, Server, at, author, noon, sqlite};

const HOUR_US: i64 = 3_600_000_000;
/// More than are added up at once.
const LINKS: usize = 1_100;

fn chunks(clicks: &[Click<'_>]) -> Vec<Chunk> {
    let mut chunker = Chunker::default();
    let mut chunks: Vec<Chunk> = clicks.iter().filter_map(|click| chunker.add(click)).collect();
    chunks.extend(chunker.finish());
    chunks
}

fn click(link_id: i64, visitor: u64) -> Click<'static> {
    Click {
        link_id,
        at_us: noon().micros(),
        referrer: None,
        agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        country: Country::UNKNOWN,
        visitor,
        scan: false,
    }
}

/// What is counted of a link, and what waits to be.
async fn told(sql: &Db, link_id: i64) -> (i64, u64) {
    sql.read::<_, SqlError>(move |tx| {
        let counted = "SELECT CAST(COALESCE(SUM(people), 0) AS BIGINT) FROM click_hour
                       WHERE link_id = ?1";
        let counted = tx.find(counted, &[link_id.into()], |row| row.get::<i64>(0))?.unwrap_or(0);
        let waiting = click_runs::waiting(tx, link_id)?.unwrap_or_default();
        Ok((counted, waiting.hours.values().map(Tally::total).sum()))
    })
    .await
    .unwrap()
}

#[derive(Clone, Debug)]
enum Event {
    /// Links that were clicked, one of them often.
    Run(Vec<i64>, u16),
    Step,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let run = (prop::collection::vec(1_i64..40, 1..60), 1..400_u16)
        .prop_map(|(links, busy)| Event::Run(links, busy));
    prop::collection::vec(prop_oneof![2 => run, 5 => Just(Event::Step)], 1..24)
}

/// The reach of the step after, and the runs that are left.
async fn step(sql: &Db, reach: Reach) -> (Reach, u64) {
    let stepped = sql.write(move |tx| click_runs::step(tx, reach)).await.unwrap();
    (reach.after(stepped.links), stepped.runs)
}

async fn agrees_with_a_count(events: Vec<Event>) {
    let dir = tempfile::tempdir().unwrap();
    let sql = sqlite(&dir);
    let process = Process::open(sql.clone(), Clock::frozen(noon()), |_| {}).await;
    for number in 0..40 {
        process.create(&format!("https://example.com/{number}")).await;
    }
    let mut model: HashMap<i64, u64> = HashMap::new();
    let mut reach = Reach::default();
    for event in events {
        match event {
            Event::Run(mut links, busy) => {
                links.extend(std::iter::repeat_n(links[0], busy.into()));
                links.sort_unstable();
                links.iter().for_each(|link| *model.entry(*link).or_default() += 1);
                let clicks: Vec<_> =
                    links.iter().zip(0..).map(|(link, visitor)| click(*link, visitor)).collect();
                let (chunks, count) = (chunks(&clicks), clicks.len() as u64);
                let put = move |tx: &mut kit::sql::Tx<'_>| click_runs::put(tx, &chunks, count);
                sql.write::<_, SqlError>(put).await.unwrap();
            }
            Event::Step => reach = step(&sql, reach).await.0,
        }
        for link in [1, 2, 20, 39] {
            let (counted, waiting) = told(&sql, link).await;
            let all = counted.unsigned_abs() + waiting;
            assert_eq!(all, model.get(&link).copied().unwrap_or(0), "link {link}");
        }
    }
    let mut steps = 0;
    while step(&sql, reach).await.1 > 0 {
        steps += 1;
        assert!(steps < 10_000, "the pass does not end");
    }
    for link in 1..40 {
        let counted = model.get(&link).copied().unwrap_or(0);
        assert_eq!(told(&sql, link).await, (i64::try_from(counted).unwrap(), 0));
    }
    assert_eq!(invariants::check(&sql).await.unwrap(), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_click_is_counted_or_waits_and_never_both(events in events()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(agrees_with_a_count(events));
    }
}

async fn visit_all(process: &Process, codes: &[String], clock: &Clock) {
    for (number, code) in codes.iter().enumerate() {
        let link = process.shortener.look_up(&at(code)).await.unwrap();
        let visitor = Visitor {
            address: [198, 51, 100, u8::try_from(number % 200).unwrap()].into(),
            referrer: Some("https://news.example/item"),
            agent: Some("curl/8"),
            country: Country::from_header(Some("AT")),
            scan: false,
        };
        process.shortener.clicks().count(link.id, clock.now(), &visitor);
    }
    process.shortener.clicks().flush().await.unwrap();
}

async fn visits(process: &Process, code: &str, now: Timestamp) -> u64 {
    let day = now.micros() - now.micros() % HOUR_US;
    let range = Range { from_us: day - 24 * HOUR_US, to_us: day + HOUR_US, bucket: Bucket::Hour };
    let stats = process.shortener.stats(&author(), &at(code), range).await.unwrap();
    let referrers: u64 = stats
        .counts
        .facets
        .get(&shortener::click_batch::Facet::Referrer)
        .map_or(0, |values| values.iter().map(|value| value.tally.total()).sum());
    assert_eq!(referrers, stats.counts.total.total());
    assert_eq!(stats.unique_visitors, 0, "curl is no person");
    stats.counts.total.total()
}

/// Newest first, without a gap and without one twice.
async fn latest(process: &Process, code: &str) -> Vec<i64> {
    let mut sequences = Vec::new();
    let mut before = None;
    loop {
        let page = process.shortener.recent(&author(), &at(code), before, 2).await.unwrap();
        let Some(last) = page.last() else { return sequences };
        before = Some(last.sequence);
        sequences.extend(page.iter().map(|click| click.sequence));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_told_of_a_link_does_not_depend_on_the_pass() {
    let dir = tempfile::tempdir().unwrap();
    let mut stores = vec![sqlite(&dir)];
    if let Some(server) = Server::with_empty("shortener_click_runs").await {
        stores.push(server.open().await);
    }
    for sql in stores {
        let clock = Clock::frozen(noon());
        let process = Process::open(sql.clone(), clock.clone(), |_| {}).await;
        let mut codes = Vec::new();
        for number in 0..LINKS {
            codes.push(process.create(&format!("https://example.com/{number}")).await);
        }
        visit_all(&process, &codes[..3], &clock).await;
        visit_all(&process, &codes, &clock).await;
        visit_all(&process, &codes, &clock).await;
        // Few links, but others wait: counted in their turn.
        visit_all(&process, &codes[..3], &clock).await;
        let check = async |process: &Process| {
            for (code, expected) in [(&codes[0], 4), (&codes[2], 4), (&codes[LINKS - 1], 2)] {
                assert_eq!(visits(process, code, clock.now()).await, expected);
                let expected: Vec<i64> = (1..=i64::try_from(expected).unwrap()).rev().collect();
                assert_eq!(latest(process, code).await, expected);
            }
        };
        check(&process).await;
        for _ in 0..2 {
            process.shortener.clicks().add_up().await.unwrap();
            check(&process).await;
        }
        process.stop().await;
        let process = Process::open(sql.clone(), clock.clone(), |_| {}).await;
        check(&process).await;
        while process.shortener.clicks().add_up().await.unwrap() {}
        check(&process).await;
        assert_eq!(invariants::check(&sql).await.unwrap(), []);
        process.stop().await;
    }
}
