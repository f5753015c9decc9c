//! Several counter servers on one database (M9, Acceptance 5).

use std::collections::HashSet;
use std::sync::Arc;

use kit::clock::Clock;
use kit::sql::{Db, SqlError};
use shortener::base62::{Alphabet, Base62, Width};
use shortener::code_scheme::CodeScheme;
use shortener::issuer::{Issuer, IssuerSettings};
use shortener::ranges::RangePlan;

use super::support::{Process, Server, sqlite};

const SERVERS: usize = 10;
const CODES: usize = 200_000;

fn issuer(sql: &Db, owner: &str, range_size: u64) -> Issuer {
    let base62 = Base62 { alphabet: Alphabet::DigitsFirst, width: Width::Growing };
    let settings = IssuerSettings {
        plan: RangePlan { range_size, first_number: 0 },
        checkpoint_every: 1_000,
        owner: owner.to_owned(),
    };
    Issuer::new(sql.clone(), settings, CodeScheme::new(base62, true, [7; 16]))
}

async fn owners(sql: &Db) -> Vec<String> {
    let read = sql.read::<_, SqlError>(|tx| {
        tx.query("SELECT owner FROM code_range ORDER BY number", &[], |row| row.get(0))
    });
    read.await.unwrap()
}

/// Acceptance 5, in small: ranges shorter than what each server issues, so that all lease often.
#[tokio::test(flavor = "multi_thread")]
async fn ten_servers_issue_distinct_codes() {
    let dir = tempfile::tempdir().unwrap();
    let sql = sqlite(&dir);
    let servers = (0..SERVERS).map(|number| {
        let issuer = Arc::new(issuer(&sql, &format!("server {number}"), 5_000));
        tokio::spawn(async move {
            let mut codes = Vec::with_capacity(CODES / SERVERS);
            for _ in 0..CODES / SERVERS {
                codes.push(issuer.next().await.unwrap().code);
            }
            codes
        })
    });
    let mut all = HashSet::with_capacity(CODES);
    for server in servers.collect::<Vec<_>>() {
        for code in server.await.unwrap() {
            let text = code.as_str();
            assert!((1..=7).contains(&text.len()), "{text}");
            assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
            assert!(all.insert(code), "{text} was issued twice");
        }
    }
    assert_eq!(all.len(), CODES);
    assert!(owners(&sql).await.len() >= CODES / 5_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_that_ask_at_once_get_different_ranges() {
    let Some(server) = Server::with_empty("shortener_ranges").await else { return };
    let (one, two) = tokio::join!(server.open(), server.open());
    let (first, second) = (issuer(&one, "first", 1_000_000), issuer(&two, "second", 1_000_000));
    let (a, b) = tokio::join!(first.next(), second.next());
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_ne!(a.id / 1_000_000, b.id / 1_000_000);
    assert_ne!(a.code, b.code);
    let mut owners = owners(&one).await;
    owners.sort();
    assert_eq!(owners, ["first", "second"]);
}

/// Creations through two processes at once, each under a name of its own.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_create_without_a_clash() {
    let Some(server) = Server::with_empty("shortener_ranges_create").await else { return };
    let mut codes = HashSet::new();
    let open = async |name: &'static str| {
        let sql = server.open().await;
        Process::open(sql, Clock::system(), |section| section.server = name.to_owned()).await
    };
    let (a, b) = (open("a").await, open("b").await);
    for number in 0..50 {
        let (own, shared) =
            (format!("https://a.example/{number}"), "https://b.example/".to_owned());
        let (first, second) = tokio::join!(a.create(&own), b.create(&shared));
        let third = a.create(&shared).await;
        assert_eq!(second, third, "one target, one code");
        assert!(codes.insert(first));
    }
    a.stop().await;
    b.stop().await;
}
