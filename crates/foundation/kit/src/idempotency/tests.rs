use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::post;
use proptest::prelude::*;
use tokio::sync::Semaphore;
use tower::ServiceExt;

use super::*;
use crate::auth::Kind;
use crate::clock::Timestamp;
use crate::http::BodyLimit;
use crate::sql::{Durability, OpenOptions};

/// A door that counts what passes it, with its answer and its pace in the test's hands.
struct Door {
    _dir: tempfile::TempDir,
    db: Db,
    clock: Clock,
    writes: Arc<AtomicU32>,
    router: Router,
    /// One permit lets one write end.
    gate: Arc<Semaphore>,
}

impl Door {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("door.db");
        let options = OpenOptions { path, migrations: &[], durability: Durability::Buffered };
        let db = Db::open_sqlite(&options).unwrap();
        let clock = Clock::frozen(Timestamp::from_micros(1_800_000_000_000_000));
        let (writes, gate) = (Arc::<AtomicU32>::default(), Arc::new(Semaphore::new(1_000)));
        let (counted, open) = (Arc::clone(&writes), Arc::clone(&gate));
        let write = async move |body: String| {
            open.acquire().await.unwrap().forget();
            let number = counted.fetch_add(1, Ordering::Relaxed) + 1;
            answer(&body, number)
        };
        let (of_db, of_clock) = (db.clone(), clock.clone());
        let guard = from_fn(move |request: Request, next: Next| {
            let (db, clock) = (of_db.clone(), of_clock.clone());
            async move {
                let name =
                    request.headers().get("x-caller").map_or("anyone", |it| it.to_str().unwrap());
                let principal = Principal {
                    id: name.to_owned(),
                    kind: Kind::Service,
                    ..Principal::anonymous()
                };
                with_idempotency(&db, &principal, &clock, request, next).await
            }
        });
        let router = Router::new().route("/links", post(write.clone()).put(write)).layer(guard);
        Self { _dir: dir, db, clock, writes, router, gate }
    }

    async fn send(&self, request: Request) -> (u16, HeaderMap, Bytes) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        (parts.status.as_u16(), parts.headers, body.collect().await.unwrap().to_bytes())
    }

    async fn status(&self, key: &str, body: &str) -> u16 {
        self.send(request(key, body)).await.0
    }

    async fn rows(&self) -> i64 {
        let count = "SELECT COUNT(*) FROM kit_idempotency";
        let count = |tx: &mut crate::sql::Tx<'_>| tx.find(count, &[], |row| row.get(0));
        self.db.read::<_, crate::sql::SqlError>(count).await.unwrap().unwrap()
    }

    fn writes(&self) -> u32 {
        self.writes.load(Ordering::Relaxed)
    }
}

/// The body tells what to answer: a status, or "large".
fn answer(body: &str, number: u32) -> Response {
    let status = body.parse().ok().and_then(|status| StatusCode::from_u16(status).ok());
    let text = match body {
        "large" => "x".repeat(70_000),
        "panic" => panic!("a handler's fault"),
        _ => format!("write {number}"),
    };
    let location = [("location", format!("/links/{number}")), ("x-once", "yes".to_owned())];
    (status.unwrap_or(StatusCode::CREATED), location, text).into_response()
}

fn request(key: &str, body: &str) -> Request {
    let builder = Request::post("/links?a=1").header("idempotency-key", key);
    builder.body(Body::from(body.to_owned())).unwrap()
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer() {
    let door = Door::new();
    let first = door.send(request("k", "hello")).await;
    assert_eq!(
        (first.0, &first.1["location"], &*first.2),
        (201, &HeaderValue::from_static("/links/1"), &b"write 1"[..])
    );
    assert!(!first.1.contains_key(REPLAYED_HEADER));
    let again = door.send(request("k", "hello")).await;
    assert_eq!((again.0, &again.1["location"], &again.2), (201, &first.1["location"], &first.2));
    assert_eq!(again.1[REPLAYED_HEADER], "true");
    assert_eq!(again.1["content-type"], first.1["content-type"]);
    assert!(!again.1.contains_key("x-once"));
    assert_eq!(door.writes(), 1);
}

#[tokio::test]
async fn a_key_stands_for_one_request_of_one_principal() {
    let door = Door::new();
    assert_eq!(door.status("k", "hello").await, 201);
    let other = door.send(request("k", "other")).await;
    assert_eq!(
        (other.0, other.1["content-type"].to_str().unwrap()),
        (422, "application/problem+json")
    );
    assert!(String::from_utf8_lossy(&other.2).contains("/problems/idempotency-key-reused"));
    let mut elsewhere = request("k", "hello");
    *elsewhere.uri_mut() = "/links?a=2".parse().unwrap();
    assert_eq!(door.send(elsewhere).await.0, 422);
    let mut stranger = request("k", "other");
    stranger.headers_mut().insert("x-caller", HeaderValue::from_static("stranger"));
    assert_eq!(door.send(stranger).await.0, 201);
    assert_eq!(door.writes(), 2);
}

#[tokio::test]
async fn requests_without_need_pass_through() {
    let door = Door::new();
    for _ in 0..2 {
        let plain = Request::post("/links").body(Body::empty()).unwrap();
        assert_eq!(door.send(plain).await.0, 201);
        let put = Request::put("/links").header("idempotency-key", "k");
        assert_eq!(door.send(put.body(Body::empty()).unwrap()).await.0, 201);
    }
    assert_eq!(door.writes(), 4);
}

#[tokio::test]
async fn bad_keys_and_large_bodies_are_refused() {
    let door = Door::new();
    for bad in ["", &"k".repeat(256)] {
        assert_eq!(door.status(bad, "hello").await, 400);
    }
    assert_eq!(door.status(&"k".repeat(255), "hello").await, 201);
    let mut twice = request("k", "hello");
    twice.headers_mut().append("idempotency-key", HeaderValue::from_static("l"));
    assert_eq!(door.send(twice).await.0, 400);
    let mut large = request("large", "hello");
    large.extensions_mut().insert(BodyLimit { bytes: 4, timeout_ms: 1_000 });
    assert_eq!(door.send(large).await.0, 413);
    assert_eq!(door.writes(), 1);
}

#[tokio::test]
async fn only_final_answers_are_kept() {
    let door = Door::new();
    for open in ["401", "403", "408", "429", "500", "503"] {
        let before = door.writes();
        assert_eq!(door.status(open, open).await.to_string(), open);
        assert_eq!(door.status(open, open).await.to_string(), open);
        assert_eq!(door.writes(), before + 2, "{open}");
    }
    for last in ["200", "204", "303", "400", "404", "409", "422"] {
        let before = door.writes();
        assert_eq!(door.status(last, last).await.to_string(), last);
        assert_eq!(door.status(last, last).await.to_string(), last);
        assert_eq!(door.writes(), before + 1, "{last}");
    }
}

#[tokio::test]
async fn a_large_answer_is_not_repeated_but_neither_is_its_write() {
    let door = Door::new();
    assert_eq!(door.send(request("k", "large")).await.2.len(), 70_000);
    let again = door.send(request("k", "large")).await;
    assert_eq!((again.0, again.2.len(), door.writes()), (201, 0, 1));
    assert_eq!(again.1[BODY_OMITTED_HEADER], "true");
    assert_eq!(again.1["location"], "/links/1");
}

#[tokio::test]
async fn a_caller_that_goes_away_finds_its_answer() {
    let door = Door::new();
    door.gate.forget_permits(1_000);
    let first = tokio::spawn(door.router.clone().oneshot(request("k", "hello")));
    while door.rows().await == 0 {
        tokio::task::yield_now().await;
    }
    let busy = door.send(request("k", "hello")).await;
    assert_eq!((busy.0, &busy.1["retry-after"]), (409, &HeaderValue::from_static("1")));
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    door.gate.add_permits(1);
    let found = loop {
        let answer = door.send(request("k", "hello")).await;
        if answer.0 != 409 {
            break answer;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!((found.0, &*found.2, door.writes()), (201, &b"write 1"[..], 1));
}

#[tokio::test]
async fn a_panic_frees_the_key() {
    let door = Door::new();
    let broken = tokio::spawn(door.router.clone().oneshot(request("k", "panic")));
    assert!(broken.await.unwrap_err().is_panic());
    assert_eq!(door.status("k", "200").await, 200);
}

#[tokio::test]
async fn claims_lapse_after_a_minute_and_answers_after_a_day() {
    let door = Door::new();
    let (principal, key) = (Principal::anonymous(), Key::new("k").unwrap());
    let fingerprint = Fingerprint::of(&Method::POST, "/", b"");
    let ask =
        async || begin(&door.db, &principal, &key, fingerprint, door.clock.now()).await.unwrap();
    let Begin::First(dead) = ask().await else { panic!("the first") };
    door.clock.advance(Duration::from_secs(59));
    assert!(matches!(ask().await, Begin::InProgress));
    door.clock.advance(Duration::from_secs(1));
    let Begin::First(claim) = ask().await else { panic!("free again") };
    let (status, headers) = (StatusCode::CREATED, HeaderMap::new());
    let answer = StoredAnswer { status, headers, body: Bytes::from_static(b"done") };
    assert!(!finish(&door.db, dead.clone(), answer.clone()).await.unwrap());
    abandon(&door.db, dead).await.unwrap();
    assert!(matches!(ask().await, Begin::InProgress));
    assert!(finish(&door.db, claim.clone(), answer.clone()).await.unwrap());
    abandon(&door.db, claim).await.unwrap();
    assert!(matches!(ask().await, Begin::Replay(found) if found == answer));
    assert_eq!(sweep(&door.db, door.clock.now()).await.unwrap(), 0);
    door.clock.advance(KEPT_FOR);
    assert!(matches!(ask().await, Begin::First(_)));
    door.clock.advance(KEPT_FOR);
    assert_eq!(sweep(&door.db, door.clock.now()).await.unwrap(), 1);
}

#[tokio::test]
async fn a_sweep_takes_all_that_is_old_in_batches() {
    let door = Door::new();
    let at = door.clock.now();
    door.db
        .write(move |tx| {
            for number in 0..2_500_i64 {
                tx.execute(
                    "INSERT INTO kit_idempotency (principal, idempotency_key, fingerprint, status,
                        headers, body, created_at) VALUES ('p', ?1, ?2, 200, '', ?2, ?3)",
                    &[(&number.to_string()).into(), (&[0_u8]).into(), at.into()],
                )?;
            }
            Ok::<_, crate::sql::SqlError>(())
        })
        .await
        .unwrap();
    assert_eq!(door.status("new", "hello").await, 201);
    assert_eq!(sweep(&door.db, at.plus(KEPT_FOR)).await.unwrap(), 2_501);
}

proptest! {
    #[test]
    fn fingerprints_tell_requests_apart(one in "[a-b/]{0,4}", two in "[a-b/]{0,4}") {
        let of = |path: &str, body: &str| Fingerprint::of(&Method::POST, path, body.as_bytes());
        prop_assert_eq!(of(&one, &two) == of(&two, &one), one == two);
        let whole = format!("{one}{two}");
        prop_assert_eq!(of(&one, &two) == of(&whole, ""), two.is_empty());
    }

    #[test]
    fn keys_are_printable_and_short(text in "\\PC{0,300}") {
        let printable = text.bytes().all(|byte| (32..127).contains(&byte));
        let good = (1..=255).contains(&text.len()) && printable;
        prop_assert_eq!(Key::new(&text).is_some(), good);
    }
}
