//! Each invariant holds of what the service does, and a row planted against it is told by name.

use kit::clock::Clock;
use kit::sql::{Db, SqlError};
use shortener::clicks::Visitor;
use shortener::country::Country;
use shortener::invariants::{CATALOGUE, check};
use shortener::model::{LinkChange, NewLink};
use shortener::settings::CodesName;

use super::support::{Process, Server, at, author, sqlite, url};

/// Links of every kind, some of them used, changed, deleted and ended.
async fn live_through(sql: Db, codes: CodesName) {
    let process = Process::open(sql, Clock::system(), |section| section.codes = codes).await;
    for number in 0..40 {
        let code = process.create(&format!("https://example.com/{number}?ä={number}")).await;
        let link = process.shortener.look_up(&at(&code)).await.unwrap();
        let visitor = Visitor {
            address: [192, 0, 2, number].into(),
            referrer: Some("https://news.example/"),
            agent: Some("curl/8"),
            country: Country::from_header(None),
            scan: number % 3 == 0,
        };
        process.shortener.clicks().count(link.id, Clock::system().now(), &visitor);
        let long_url = (number % 4 == 0).then(|| format!("https://example.org/{number}"));
        let change = LinkChange { long_url, ..LinkChange::default() };
        process.shortener.change(&author(), &at(&code), change).await.unwrap();
        if number % 5 == 0 {
            process.shortener.delete(&author(), &at(&code)).await.unwrap();
        }
    }
    let alias = NewLink { alias: Some("spring".to_owned()), ..url("https://example.com/") };
    let tags = vec!["sale".to_owned()];
    process.create_new(NewLink { tags, ..alias }).await.unwrap();
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn they_hold_of_what_the_service_does() {
    for codes in [CodesName::Counter, CodesName::Md5] {
        let dir = tempfile::tempdir().unwrap();
        let sql = sqlite(&dir);
        live_through(sql.clone(), codes).await;
        assert_eq!(check(&sql).await.unwrap(), []);
    }
    let Some(server) = Server::with_empty("shortener_invariants").await else { return };
    let sql = server.open().await;
    live_through(sql.clone(), CodesName::Counter).await;
    assert_eq!(check(&sql).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_planted_violation_is_told_by_name() {
    // The invariant, what breaks it, and a word of what is told.
    let planted: [(&str, &'static str, &str); 9] = [
        ("S-1", "UPDATE link SET id = 999999999 WHERE code = 'spring'", "999999999"),
        ("S-1", "UPDATE code_range SET resume_at = first_number + 1", "link 1 ("),
        ("S-2", "UPDATE link SET state = 1 WHERE digest IS NOT NULL", "state 1"),
        ("S-3", "UPDATE link SET clicks = clicks - 7 WHERE clicks = 1", "-6 clicks and 1"),
        ("S-4", "UPDATE code_range SET resume_at = end_number + 1", "range 0 from"),
        (
            "S-4",
            "INSERT INTO code_range (number, first_number, end_number, epoch, resume_at)
             VALUES (1, 999999, 1999999, 0, 999999)",
            "range 1 starts at 999999",
        ),
        ("S-5", "UPDATE link SET long_url = long_url || 'x' WHERE digest IS NOT NULL", "x has"),
        ("S-6", "INSERT INTO link_tag (link_id, tag) VALUES (-5, 'lost')", "link -5 has a tag"),
        ("S-7", "UPDATE link SET code = 'spring' WHERE id = 1", "link 1 (spring) has the code"),
    ];
    for (id, sabotage, told) in planted {
        let dir = tempfile::tempdir().unwrap();
        let sql = sqlite(&dir);
        live_through(sql.clone(), CodesName::Counter).await;
        sql.write::<_, SqlError>(move |tx| tx.execute(sabotage, &[])).await.unwrap();
        let violations = check(&sql).await.unwrap();
        let named = violations.iter().filter(|violation| violation.invariant.id == id);
        let lines: Vec<String> = named.map(ToString::to_string).collect();
        assert!(lines.iter().any(|line| line.contains(told)), "{sabotage}: {violations:?}");
        assert!(lines.iter().all(|line| line.starts_with(&format!("{id}: "))), "{lines:?}");
        assert!(lines.len() <= 20);
    }
    let mut ids: Vec<&str> = planted.iter().map(|(id, ..)| *id).collect();
    ids.dedup();
    assert_eq!(ids, CATALOGUE.map(|invariant| invariant.id));
}
