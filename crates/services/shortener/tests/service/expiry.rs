//! A link lives for six months after its last use (F9, M15, Acceptance 11), by a clock that stands
//! still until it is told to move.

use std::time::Duration;

use kit::clock::Clock;
use kit::sql::SqlError;
use shortener::clicks::Visitor;
use shortener::country::Country;
use shortener::model::{NewLink, ShortenError};

use super::support::{Process, at, author, noon, sqlite, url};

const DAY: Duration = Duration::from_secs(86_400);
const DELETED: i64 = 1;
const TARGET: &str = "https://example.com/page";

/// A visit as the front door makes it: answered, then counted.
async fn use_link(process: &Process, code: &str, clock: &Clock) {
    process.visit(code).await.unwrap();
    let link = process.shortener.look_up(&at(code)).await.unwrap();
    let visitor = Visitor {
        address: [192, 0, 2, 7].into(),
        referrer: None,
        agent: None,
        country: Country::from_header(None),
        scan: false,
    };
    process.shortener.clicks().count(link.id, clock.now(), &visitor);
}

fn is_gone<T>(answer: &Result<T, ShortenError>) -> bool {
    matches!(answer, Err(ShortenError::Gone(_)))
}

async fn state_of(process: &Process, code: &str) -> (i64, bool) {
    let code = code.to_owned();
    let sql = "SELECT state, digest IS NOT NULL FROM link WHERE code = ?1";
    let read = process.sql.read::<_, SqlError>(move |tx| {
        tx.find(sql, &[(&code).into()], |row| Ok((row.get(0)?, row.get(1)?)))
    });
    read.await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn unused_for_six_months_is_gone() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::frozen(noon()));
    let process = Process::open(sqlite(&dir), clock.clone(), |_| {}).await;
    let code = process.create(TARGET).await;
    clock.advance(DAY * 183 - Duration::from_micros(1));
    assert!(process.shortener.look_up(&at(&code)).await.is_ok());
    clock.advance(Duration::from_micros(1));
    assert!(is_gone(&process.visit(&code).await));
    assert!(process.shortener.visit_cached(&code, clock.now()).is_none());
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_use_at_five_months_renews_it_across_a_restart() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::frozen(noon()));
    let process = Process::open(sqlite(&dir), clock.clone(), |_| {}).await;
    let code = process.create(TARGET).await;
    clock.advance(DAY * 150);
    use_link(&process, &code, &clock).await;
    let Process { shortener, .. } = &process;
    assert!(shortener.visit_cached(&code, clock.now()).is_some());
    process.stop().await;

    let process = Process::open(sqlite(&dir), clock.clone(), |_| {}).await;
    clock.advance(DAY * 182);
    assert_eq!(process.visit(&code).await.unwrap(), TARGET);
    // That visit was answered and not counted, as a HEAD is: it renews nothing that lasts.
    process.stop().await;

    let process = Process::open(sqlite(&dir), clock.clone(), |_| {}).await;
    clock.advance(DAY);
    assert!(is_gone(&process.visit(&code).await));
    process.stop().await;
}

/// One use a day, each written within a flush, for two years.
#[tokio::test(flavor = "multi_thread")]
async fn each_use_reaches_the_store_the_same_day() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::frozen(noon()));
    let process = Process::open(sqlite(&dir), clock.clone(), |_| {}).await;
    let code = process.create(TARGET).await;
    for _ in 0..5 {
        clock.advance(DAY * 150);
        use_link(&process, &code, &clock).await;
        process.shortener.clicks().flush().await.unwrap();
        let link = process.shortener.look_up(&at(&code)).await.unwrap();
        assert_eq!(link.last_used_at, clock.now());
    }
    process.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sweep_ends_it_and_its_code_is_not_given_out_again() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::frozen(noon()));
    let process = Process::open(sqlite(&dir), clock.clone(), |_| {}).await;
    let code = process.create(TARGET).await;
    let alias = NewLink { alias: Some("spring".to_owned()), ..url(TARGET) };
    process.create_new(alias.clone()).await.unwrap();
    let used = process.create("https://example.com/used").await;
    clock.advance(DAY * 100);
    use_link(&process, &used, &clock).await;
    process.shortener.clicks().flush().await.unwrap();
    clock.advance(DAY * 83);
    assert_eq!(process.shortener.sweep(1).await.unwrap(), 2);
    assert_eq!(state_of(&process, &code).await, (DELETED, false));
    assert!(is_gone(&process.visit(&code).await));
    assert!(process.visit(&used).await.is_ok());

    assert!(matches!(process.create_new(alias).await, Err(ShortenError::Taken(_))));
    let again = process.shortener.create(&author(), url(TARGET)).await.unwrap();
    assert!(again.is_new);
    assert_ne!(again.link.code, code);
    assert_eq!(process.visit(&again.link.code).await.unwrap(), TARGET);
    process.stop().await;
}

/// Between its end and the next sweep a target must not be answered with a code that is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_whose_link_has_ended_gets_a_new_code_before_the_sweep() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::frozen(noon()));
    let process = Process::open(sqlite(&dir), clock.clone(), |_| {}).await;
    let code = process.create(TARGET).await;
    clock.advance(DAY * 183);
    let again = process.create(TARGET).await;
    assert_ne!(again, code);
    assert_eq!(process.visit(&again).await.unwrap(), TARGET);
    assert!(is_gone(&process.visit(&code).await));
    process.stop().await;
}

/// Whoever is given an old link today counts on it for six months.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_asked_for_again_lives_as_long_as_a_new_one() {
    let (dir, clock) = (tempfile::tempdir().unwrap(), Clock::frozen(noon()));
    let process = Process::open(sqlite(&dir), clock.clone(), |_| {}).await;
    let code = process.create(TARGET).await;
    process.visit(&code).await.unwrap();
    clock.advance(DAY * 182);
    assert_eq!(process.create(TARGET).await, code);
    clock.advance(DAY * 182);
    assert_eq!(process.visit(&code).await.unwrap(), TARGET);
    process.stop().await;
}
