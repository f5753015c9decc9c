//! Two processes on one PostgreSQL: what one changes, the other does not serve (N7).

use std::time::{Duration, Instant};

use kit::clock::Clock;
use shortener::admin::HostList;
use shortener::model::{LinkChange, NewLink, ShortenError};

use super::support::{Process, Server, at, author, url};

/// Far above the stated 100 ms, since the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// Both start at once, on a database that has nothing yet.
async fn two(server: &Server) -> (Process, Process) {
    let open = async |name: &'static str| {
        let sql = server.open().await;
        Process::open(sql, Clock::system(), |section| section.server = name.to_owned()).await
    };
    tokio::join!(open("a"), open("b"))
}

/// Waits until a visit at `process` answers as `wanted` has it; how long that took.
async fn until(
    process: &Process,
    code: &str,
    wanted: impl Fn(&Result<String, ShortenError>) -> bool,
) -> Duration {
    let began = Instant::now();
    loop {
        let answer = process.visit(code).await;
        if wanted(&answer) {
            return began.elapsed();
        }
        assert!(began.elapsed() < PATIENCE, "{code} still answers {answer:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn new_target(long_url: &str) -> LinkChange {
    LinkChange { long_url: Some(long_url.to_owned()), ..LinkChange::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_and_a_deletion_reach_the_other_process() {
    let Some(server) = Server::with_empty("shortener_processes_change").await else { return };
    let (a, b) = two(&server).await;
    let code = a.create("https://example.com/old").await;
    assert_eq!(b.visit(&code).await.unwrap(), "https://example.com/old");
    assert!(b.shortener.visit_cached(&code, Clock::system().now()).is_some());

    a.shortener.change(&author(), &at(&code), new_target("https://example.com/new")).await.unwrap();
    assert_eq!(a.visit(&code).await.unwrap(), "https://example.com/new");
    let took = until(&b, &code, |answer| {
        answer.as_ref().is_ok_and(|target| target == "https://example.com/new")
    });
    eprintln!("a change was seen after {:?}", took.await);

    a.shortener.delete(&author(), &at(&code)).await.unwrap();
    let took = until(&b, &code, |answer| matches!(answer, Err(ShortenError::Gone(_))));
    eprintln!("a deletion was seen after {:?}", took.await);
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_host_and_a_new_domain_reach_the_other_process() {
    let Some(server) = Server::with_empty("shortener_processes_hosts").await else { return };
    let (a, b) = two(&server).await;
    let code = a.create("https://bad.example/page").await;
    b.visit(&code).await.unwrap();

    a.shortener.add_host(&author(), HostList::Blocked, "bad.example").await.unwrap();
    until(&b, &code, |answer| matches!(answer, Err(ShortenError::Gone(_)))).await;
    let refused = b.create_new(url("https://bad.example/other")).await;
    assert!(matches!(refused, Err(ShortenError::Target(_))), "{refused:?}");

    a.shortener.remove_host(HostList::Blocked, "bad.example").await.unwrap();
    until(&b, &code, Result::is_ok).await;
    a.shortener.add_host(&author(), HostList::Domains, "go.example").await.unwrap();
    let began = Instant::now();
    let branded = || NewLink { domain: Some("go.example".to_owned()), ..url("https://e.com/") };
    while let Err(refusal) = b.create_new(branded()).await {
        assert!(matches!(refusal, ShortenError::UnknownDomain(_)), "{refusal:?}");
        assert!(began.elapsed() < PATIENCE);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    a.stop().await;
    b.stop().await;
}

/// A negative answer lives for a second; an alias that somebody tried is there sooner.
#[tokio::test(flavor = "multi_thread")]
async fn an_alias_made_elsewhere_replaces_a_remembered_absence() {
    let Some(server) = Server::with_empty("shortener_processes_alias").await else { return };
    let (a, b) = two(&server).await;
    assert!(matches!(b.visit("spring").await, Err(ShortenError::NotFound(_))));
    let alias = Some("spring".to_owned());
    a.create_new(NewLink { alias, ..url("https://example.com/sale") }).await.unwrap();
    until(&b, "spring", Result::is_ok).await;
    a.stop().await;
    b.stop().await;
}

/// The transaction began first and commits last, long after the other process has polled beyond.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_commit_is_not_missed() {
    let Some(server) = Server::with_empty("shortener_processes_late").await else { return };
    let (a, b) = two(&server).await;
    let late = a.create("https://example.com/late").await;
    let other = a.create("https://example.com/other").await;
    b.visit(&late).await.unwrap();

    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let (commit, may_commit) = std::sync::mpsc::channel::<()>();
    let code = late.clone();
    let slow = server.session(move |client| {
        let mut tx = client.transaction().unwrap();
        tx.batch_execute("SET LOCAL search_path TO shortener_processes_late").unwrap();
        let note = "INSERT INTO link_change VALUES (txid_current(), '', $1, 0)";
        tx.execute(note, &[&code]).unwrap();
        let edit = "UPDATE link SET long_url = 'https://example.com/edited' WHERE code = $1";
        tx.execute(edit, &[&code]).unwrap();
        begun.send(()).unwrap();
        may_commit.recv().unwrap();
        tx.commit().unwrap();
    });
    let meanwhile = async {
        has_begun.await.unwrap();
        b.visit(&other).await.unwrap();
        let change = new_target("https://example.com/changed");
        a.shortener.change(&author(), &at(&other), change).await.unwrap();
        until(&b, &other, |answer| {
            answer.as_ref().is_ok_and(|target| target.ends_with("/changed"))
        })
        .await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(b.visit(&late).await.unwrap(), "https://example.com/late");
        commit.send(()).unwrap();
    };
    tokio::join!(slow, meanwhile);
    until(&b, &late, |answer| answer.as_ref().is_ok_and(|target| target.ends_with("/edited")))
        .await;
    a.stop().await;
    b.stop().await;
}
