//! Codes made from hashes as a deployment has them (M6, M8, Acceptance 14 and 15).

use std::collections::HashSet;

use kit::clock::Clock;
use kit::sql::Db;
use shortener::base62::Alphabet;
use shortener::hash_code::{HashMethod, candidate};
use shortener::model::NewLink;
use shortener::settings::CodesName;

use super::support::{Process, Server, at, author, sqlite, url};

const SAMPLE: &str = "https://en.wikipedia.org/wiki/Systems_design";
const MD5: HashMethod = HashMethod::Md5Base62(Alphabet::DigitsFirst);

async fn hashing(sql: Db, codes: CodesName) -> Process {
    Process::open(sql, Clock::system(), |section| section.codes = codes).await
}

fn look_ups(process: &Process) -> u64 {
    process.counter("backplane_shortener_hash_look_ups")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_has_the_code_of_each_method() {
    for (codes, code) in [
        (CodesName::Md5, "rkVZUOL"),
        (CodesName::Md5Hex, "5a62509"),
        (CodesName::Sha1Hex, "0eeae79"),
        (CodesName::Crc32Hex, "5cb5405"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let process = hashing(sqlite(&dir), codes).await;
        assert_eq!(process.create(SAMPLE).await, code);
        assert_eq!(process.create(SAMPLE).await, code);
        assert_eq!(process.visit(code).await.unwrap(), SAMPLE);
        process.stop().await;
    }
}

/// Acceptance 14 and 15, before and after a restart.
#[tokio::test(flavor = "multi_thread")]
async fn new_targets_make_no_look_up() {
    const LINKS: u64 = 2_000;
    let dir = tempfile::tempdir().unwrap();
    let mut codes = HashSet::new();
    for run in 0..2 {
        let process = hashing(sqlite(&dir), CodesName::Md5).await;
        for number in 0..LINKS {
            let code = process.create(&format!("https://example.com/{run}/{number}")).await;
            assert!((1..=7).contains(&code.len()), "{code}");
            assert!(codes.insert(code));
        }
        let asked = look_ups(&process);
        eprintln!("{asked} of {LINKS} creations asked the store");
        assert!(asked * 50 <= LINKS, "{asked} of {LINKS} asked");
        // The rebuilt filter knows what was made before it: those are found, not made again.
        let known = process.create("https://example.com/0/7").await;
        assert!(codes.contains(&known));
        assert_eq!(look_ups(&process), asked + 1);
        process.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_code_goes_to_the_next_attempt() {
    let dir = tempfile::tempdir().unwrap();
    let process = hashing(sqlite(&dir), CodesName::Md5).await;
    let first = candidate(MD5, SAMPLE, 0).to_string();
    let alias = NewLink { alias: Some(first.clone()), ..url("https://example.com/squatter") };
    process.create_new(alias).await.unwrap();
    // The filter does not know the alias, as it does not know what another process has stored.
    let code = process.create(SAMPLE).await;
    assert_eq!(code, candidate(MD5, SAMPLE, 1).as_str());
    assert_eq!(process.create(SAMPLE).await, code);
    assert_eq!(process.visit(&first).await.unwrap(), "https://example.com/squatter");
    process.stop().await;

    let process = hashing(sqlite(&dir), CodesName::Md5).await;
    assert_eq!(process.create(SAMPLE).await, code);
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_of_their_own_and_ended_ones_never_run_out_of_codes() {
    let dir = tempfile::tempdir().unwrap();
    let process = hashing(sqlite(&dir), CodesName::Md5).await;
    let mut codes = HashSet::new();
    for _ in 0..30 {
        let private = NewLink { private: true, ..url(SAMPLE) };
        assert!(codes.insert(process.create_new(private).await.unwrap()));
        let shared = process.create(SAMPLE).await;
        process.shortener.delete(&author(), &at(&shared)).await.unwrap();
        assert!(codes.insert(shared));
    }
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_at_once_are_given_one_code() {
    let dir = tempfile::tempdir().unwrap();
    let process = hashing(sqlite(&dir), CodesName::Md5).await;
    let creations: Vec<_> = (0..100)
        .map(|_| {
            let shortener = std::sync::Arc::clone(&process.shortener);
            tokio::spawn(async move { shortener.create(&author(), url(SAMPLE)).await })
        })
        .collect();
    let mut new = 0;
    for creation in creations {
        let created = creation.await.unwrap().unwrap();
        assert_eq!(created.link.code, "rkVZUOL");
        new += u32::from(created.is_new);
    }
    assert_eq!(new, 1);
    process.stop().await;
}

/// The other process's filter knows nothing of the link: the unique index does.
#[tokio::test(flavor = "multi_thread")]
async fn two_processes_agree_on_the_code_of_a_target() {
    let Some(server) = Server::with_empty("shortener_hashes").await else { return };
    let a = hashing(server.open().await, CodesName::Md5).await;
    let b = hashing(server.open().await, CodesName::Md5).await;
    assert_eq!(a.create(SAMPLE).await, "rkVZUOL");
    assert_eq!(b.create(SAMPLE).await, "rkVZUOL");
    for number in 0..20 {
        let target = format!("https://example.com/{number}");
        let (first, second) = tokio::join!(a.create(&target), b.create(&target));
        assert_eq!(first, second);
    }
    a.stop().await;
    b.stop().await;
}
