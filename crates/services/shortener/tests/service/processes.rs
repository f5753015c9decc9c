//! Two processes on one PostgreSQL: what one changes, the other does not serve (N7), from the
//! moment that the change is acknowledged.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use kit::clock::Clock;
use shortener::admin::HostList;
use shortener::invalidation::lease::LEASE;
use shortener::model::{LinkChange, NewLink, ShortenError};

use super::support::{Process, Server, at, author, url};

/// Far above any bound that is stated, since the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(10);

/// Both start at once, on a database that has nothing yet.
async fn two(server: &Server) -> (Process, Process) {
    tokio::join!(open(server, "a"), open(server, "b"))
}

async fn open(server: &Server, name: &'static str) -> Process {
    let sql = server.open().await;
    Process::open(sql, Clock::system(), |section| section.server = name.to_owned()).await
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

/// Acceptance 12: each edit is followed at once by a request to the other process.
#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_edit_is_served_by_the_other_process_at_once() {
    let Some(server) = Server::with_empty("shortener_processes_edits").await else { return };
    let (a, b) = two(&server).await;
    let code = a.create("https://example.com/0").await;
    assert_eq!(b.visit(&code).await.unwrap(), "https://example.com/0");
    let mut slowest = Duration::ZERO;
    for edit in 1..=200 {
        let (changing, asked) = if edit % 2 == 0 { (&a, &b) } else { (&b, &a) };
        // Into its memory.
        asked.visit(&code).await.unwrap();
        let target = format!("https://example.com/{edit}");
        let began = Instant::now();
        changing.shortener.change(&author(), &at(&code), new_target(&target)).await.unwrap();
        slowest = slowest.max(began.elapsed());
        assert_eq!(asked.visit(&code).await.unwrap(), target);
    }
    eprintln!("the slowest of 200 edits took {slowest:?}");
    a.shortener.delete(&author(), &at(&code)).await.unwrap();
    assert!(matches!(b.visit(&code).await, Err(ShortenError::Gone(_))));
    a.stop().await;
    b.stop().await;
}

/// Editors and visitors at once: a visit that begins after an edit has been acknowledged sees it,
/// or a later one.
#[tokio::test(flavor = "multi_thread")]
async fn visits_during_edits_never_go_back() {
    let Some(server) = Server::with_empty("shortener_processes_race").await else { return };
    let (a, b) = two(&server).await;
    let code = a.create("https://example.com/0").await;
    let acknowledged = AtomicU32::new(0);
    let edits = async {
        for edit in 1..=100 {
            let target = format!("https://example.com/{edit}");
            a.shortener.change(&author(), &at(&code), new_target(&target)).await.unwrap();
            acknowledged.store(edit, Ordering::SeqCst);
        }
    };
    let visits = async {
        while acknowledged.load(Ordering::SeqCst) < 100 {
            let least = acknowledged.load(Ordering::SeqCst);
            let target = b.visit(&code).await.unwrap();
            let seen: u32 = target.rsplit('/').next().unwrap().parse().unwrap();
            assert!(seen >= least, "{seen} was served after {least} had been acknowledged");
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(edits, visits);
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_hosts_and_aliases_are_in_force_in_the_other_process_at_once() {
    let Some(server) = Server::with_empty("shortener_processes_hosts").await else { return };
    let (a, b) = two(&server).await;
    let code = a.create("https://bad.example/page").await;
    b.visit(&code).await.unwrap();

    a.shortener.add_host(&author(), HostList::Blocked, "bad.example").await.unwrap();
    assert!(matches!(b.visit(&code).await, Err(ShortenError::Gone(_))));
    let refused = b.create_new(url("https://bad.example/other")).await;
    assert!(matches!(refused, Err(ShortenError::Target(_))), "{refused:?}");

    a.shortener.remove_host(HostList::Blocked, "bad.example").await.unwrap();
    b.visit(&code).await.unwrap();
    let branded = NewLink { domain: Some("go.example".to_owned()), ..url("https://e.com/") };
    let refused = b.create_new(branded.clone()).await;
    assert!(matches!(refused, Err(ShortenError::UnknownDomain(_))), "{refused:?}");
    a.shortener.add_host(&author(), HostList::Domains, "go.example").await.unwrap();
    b.create_new(branded).await.unwrap();

    // A negative answer would live for a second.
    assert!(matches!(b.visit("spring").await, Err(ShortenError::NotFound(_))));
    let alias = Some("spring".to_owned());
    a.create_new(NewLink { alias, ..url("https://example.com/sale") }).await.unwrap();
    b.visit("spring").await.unwrap();
    a.stop().await;
    b.stop().await;
}

/// The second starts in the middle of the first one's edits, which were waiting for nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_joins_is_waited_for_from_its_first_answer_on() {
    let Some(server) = Server::with_empty("shortener_processes_join").await else { return };
    let a = open(&server, "a").await;
    let code = a.create("https://example.com/0").await;
    let acknowledged = AtomicU32::new(0);
    let joined = AtomicBool::new(false);
    let edits = async {
        let mut edit = 0;
        while !joined.load(Ordering::SeqCst) {
            edit += 1;
            let target = format!("https://example.com/{edit}");
            a.shortener.change(&author(), &at(&code), new_target(&target)).await.unwrap();
            acknowledged.store(edit, Ordering::SeqCst);
        }
    };
    let joins = async {
        for _ in 0..10 {
            let b = open(&server, "b").await;
            for _ in 0..10 {
                let least = acknowledged.load(Ordering::SeqCst);
                let target = b.visit(&code).await.unwrap();
                let seen: u32 = target.rsplit('/').next().unwrap().parse().unwrap();
                assert!(seen >= least, "{seen} was served after {least} had been acknowledged");
            }
            b.stop().await;
        }
        joined.store(true, Ordering::SeqCst);
    };
    tokio::join!(edits, joins);
    eprintln!("{} edits while another process came and went", acknowledged.into_inner());
    a.stop().await;
}

/// It does not so much as look at the list of processes, which somebody else keeps locked here.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_alone_asks_nobody() {
    let Some(server) = Server::with_empty("shortener_processes_alone").await else { return };
    let a = open(&server, "a").await;
    let code = a.create("https://example.com/0").await;
    let (locked, is_locked) = tokio::sync::oneshot::channel();
    let (unlock, may_unlock) = std::sync::mpsc::channel::<()>();
    let keeper = server.session(move |client| {
        let mut tx = client.transaction().unwrap();
        tx.batch_execute("LOCK TABLE shortener_processes_alone.peer").unwrap();
        locked.send(()).unwrap();
        may_unlock.recv().unwrap();
    });
    let edits = async {
        is_locked.await.unwrap();
        let began = Instant::now();
        for edit in 1..=5 {
            let target = format!("https://example.com/{edit}");
            a.shortener.change(&author(), &at(&code), new_target(&target)).await.unwrap();
        }
        let took = began.elapsed();
        unlock.send(()).unwrap();
        assert!(took < LEASE, "{took:?}");
    };
    tokio::join!(keeper, edits);
    a.stop().await;
}

/// Store stopped: cached links redirect, and an edit elsewhere waits for one lease, no longer.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_cut_off_serves_what_it_had_and_holds_nobody_up() {
    let Some(server) = Server::with_empty("shortener_processes_cut").await else { return };
    let cable = server.cable().await;
    let (a, b) = tokio::join!(open(&server, "a"), open(cable.server(), "b"));
    let code = a.create("https://example.com/old").await;
    b.visit(&code).await.unwrap();
    cable.cut();
    let began = Instant::now();
    a.shortener.change(&author(), &at(&code), new_target("https://example.com/new")).await.unwrap();
    let took = began.elapsed();
    assert!(took < LEASE * 3, "{took:?}");
    assert_eq!(b.visit(&code).await.unwrap(), "https://example.com/old");
    assert!(b.shortener.visit_cached(&code, Clock::system().now()).is_some());
    let began = Instant::now();
    a.shortener
        .change(&author(), &at(&code), new_target("https://example.com/more"))
        .await
        .unwrap();
    assert!(began.elapsed() < LEASE, "{:?}", began.elapsed());
    cable.mend();
    until(&b, &code, |answer| answer.as_ref().is_ok_and(|target| target.ends_with("/more"))).await;
    a.stop().await;
    b.stop().await;
}

/// It has lost its lease without knowing: it has to ask before it answers.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_was_away_asks_before_it_answers() {
    let Some(server) = Server::with_empty("shortener_processes_away").await else { return };
    let cable = server.cable().await;
    let (a, b) = tokio::join!(open(&server, "a"), open(cable.server(), "b"));
    let code = a.create("https://example.com/old").await;
    b.visit(&code).await.unwrap();
    cable.hold();
    a.shortener.change(&author(), &at(&code), new_target("https://example.com/new")).await.unwrap();
    assert!(b.shortener.visit_cached(&code, Clock::system().now()).is_none());
    cable.mend();
    assert_eq!(b.visit(&code).await.unwrap(), "https://example.com/new");

    // Held for longer, it is cut off and answers all the same.
    cable.hold();
    tokio::time::sleep(LEASE).await;
    assert_eq!(b.visit(&code).await.unwrap(), "https://example.com/new");
    assert!(b.shortener.visit_cached(&code, Clock::system().now()).is_some());
    cable.mend();
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
        assert_eq!(b.visit(&other).await.unwrap(), "https://example.com/changed");
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
