//! The layer in front of a server of axum.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use http::{HeaderMap, StatusCode};
use kit::http::Peer;
use limiter::descriptors::{Part, Recipe};
use limiter::gate::{Gate, Passage};
use limiter::middleware::LimitLayer;
use tower::ServiceExt;

use crate::support::House;

const RULES: &str = "\
domain: web
descriptors:
  - key: remote_address
    rate_limit: {unit: minute, requests_per_unit: 2}
  - key: user
    rate_limit: {unit: minute, requests_per_unit: 1, name: per user}
  - key: path
    value: /slow
    rate_limit: {requests_per_unit: 1, algorithm: concurrency, lease_s: 60}
";

fn gate(house: &House) -> Gate {
    let part = |text| vec![Part::parse(text).unwrap()];
    let recipe = Recipe {
        domain: "web".to_owned(),
        descriptors: vec![part("remote_address"), part("user"), part("path")],
        trusted_hops: 1,
        ipv6_prefix: 64,
    };
    let identify = |headers: &HeaderMap| {
        let user = headers.get("x-user")?.to_str().ok()?;
        Some(Arc::from(user))
    };
    Gate::new(house.door.rooms.clone(), recipe, Arc::new(identify)).unwrap()
}

fn server(house: &House) -> Router {
    let gate = gate(house);
    Router::new()
        .route("/", get(|| async { "home" }))
        .route("/slow", get(|| async { "slow" }))
        .layer(LimitLayer(gate))
}

async fn get_as(server: &Router, path: &str, headers: &[(&str, &str)]) -> http::Response<Body> {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::empty()).unwrap();
    let address: SocketAddr = "10.0.0.9:5000".parse().unwrap();
    request.extensions_mut().insert(Peer { address, tls: false });
    server.clone().oneshot(request).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_carry_the_limits_and_the_third_is_refused() {
    let house = House::open_with(|section| section.edge_draft_headers = true).await;
    house.start_of_hour();
    house.rules("web.yaml", RULES).await;
    let server = server(&house);
    for left in ["1", "0"] {
        let answer = get_as(&server, "/", &[("x-forwarded-for", "1.2.3.4")]).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["x-ratelimit-remaining"], left);
        assert!(answer.headers().contains_key("ratelimit-policy"));
    }
    let refused = get_as(&server, "/", &[("x-forwarded-for", "1.2.3.4")]).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.headers()["x-ratelimit-retry-after"], "60");
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    let body = axum::body::to_bytes(refused.into_body(), 1 << 16).await.unwrap();
    let problem: serde_json::Value = serde_json::from_slice(&body).unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("2 requests in 60 s"), "{problem}");
    // Another caller behind the same proxy; and one that forged what stands before.
    let other = get_as(&server, "/", &[("x-forwarded-for", "1.2.3.4, 5.6.7.8")]).await;
    assert_eq!(other.status(), StatusCode::OK);
}

/// The long and the short way of a decision say the same, but for the draft's fields.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_draft_an_admitted_request_is_told_two_numbers() {
    for (draft, fields) in [(false, 0), (true, 2)] {
        let house = House::open_with(|section| section.edge_draft_headers = draft).await;
        house.start_of_hour();
        house.rules("web.yaml", RULES).await;
        let server = server(&house);
        for (user, left) in [("ada", "0"), ("ada", "0"), ("bob", "0"), ("eve", "0")] {
            let from = [("x-user", user), ("x-forwarded-for", "1.2.3.4")];
            let answer = get_as(&server, "/", &from).await;
            // Ada's second is refused, and uses up nothing of the address's two.
            let is_refused = answer.status() == StatusCode::TOO_MANY_REQUESTS;
            let limits = answer.headers();
            assert_eq!(limits["x-ratelimit-remaining"], left, "{user} {draft}");
            let told = limits.keys().filter(|name| name.as_str().starts_with("ratelimit"));
            assert_eq!(told.count(), if is_refused { 2 } else { fields }, "{user} {draft}");
        }
        let rules = house.call("GET", "/rules", "").await.json();
        let counts = |rule: usize| {
            let of = |field: &str| rules["rules"][rule][field].as_u64().unwrap();
            (of("allowed"), of("denied"))
        };
        assert_eq!((counts(0), counts(1)), ((2, 1), (2, 1)), "{draft}: {rules}");
        assert_eq!(house.metric("backplane_limiter_decisions_total"), 4.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_is_limited_wherever_it_comes_from() {
    let house = House::open().await;
    house.start_of_hour();
    house.rules("web.yaml", RULES).await;
    let server = server(&house);
    let from = |address| [("x-user", "ada"), ("x-forwarded-for", address)];
    assert_eq!(get_as(&server, "/", &from("1.1.1.1")).await.status(), StatusCode::OK);
    let refused = get_as(&server, "/", &from("2.2.2.2")).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let policies = refused.headers()["ratelimit-policy"].to_str().unwrap();
    assert!(policies.contains("\"per user\";q=1;w=60"), "{policies}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_is_held_until_the_answer_is_sent() {
    let house = House::open().await;
    house.start_of_hour();
    house.rules("web.yaml", RULES).await;
    let server = server(&house);
    let first = get_as(&server, "/slow", &[("x-forwarded-for", "1.1.1.1")]).await;
    let second = get_as(&server, "/slow", &[("x-forwarded-for", "2.2.2.2")]).await;
    assert_eq!(second.status(), StatusCode::TOO_MANY_REQUESTS);
    drop(first);
    let third = get_as(&server, "/slow", &[("x-forwarded-for", "2.2.2.2")]).await;
    assert_eq!(third.status(), StatusCode::OK);
}

const QUEUE: &str = "\
domain: web
descriptors:
  - key: remote_address
    rate_limit: {unit: second, requests_per_unit: 1, algorithm: leaking_bucket, bucket_size: 3}
";

/// A3 in front of a server: of five at once three are answered, a second apart and in their order.
#[tokio::test(flavor = "multi_thread")]
async fn a_leaking_bucket_lets_requests_wait_for_their_turn() {
    let house = House::open().await;
    house.start_of_hour();
    house.rules("web.yaml", QUEUE).await;
    let answered = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&answered);
    let count = move || async move { counted.fetch_add(1, Ordering::SeqCst).to_string() };
    let server = Router::new().route("/", get(count)).layer(LimitLayer(gate(&house)));
    let mut waiting = Vec::new();
    for number in 0..5 {
        let server = server.clone();
        let from = [("x-forwarded-for", "1.1.1.1")];
        let mut asked = Box::pin(async move { get_as(&server, "/", &from).await });
        // Asked one after the other: each is ruled on before the next.
        match at_once(&mut asked).await {
            Some(answer) if number == 0 => assert_eq!(answer.status(), StatusCode::OK),
            Some(answer) => {
                assert!(number >= 3, "{number} did not wait");
                assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
                assert_eq!(answer.headers()["retry-after"], "1");
            }
            None => waiting.push(tokio::spawn(asked)),
        }
    }
    assert_eq!((waiting.len(), answered.load(Ordering::SeqCst)), (2, 1));
    for turn in ["1", "2"] {
        house.advance_ms(999);
        tokio::task::yield_now().await;
        assert_eq!(answered.load(Ordering::SeqCst).to_string(), turn);
        house.advance_ms(1);
        let answer = waiting.remove(0).await.unwrap();
        let body = axum::body::to_bytes(answer.into_body(), 64).await.unwrap();
        assert_eq!(body, turn.as_bytes());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_longer_than_the_bound_and_its_place_is_free_again() {
    let house = House::open_with(|section| section.edge_wait_max_ms = 1_500).await;
    house.start_of_hour();
    house.rules("web.yaml", QUEUE).await;
    let gate = gate(&house);
    let address: SocketAddr = "10.0.0.9:5000".parse().unwrap();
    let peer = Peer { address, tls: false };
    let request = Request::get("/").body(()).unwrap();
    let pass = || gate.pass_now(&request, &peer).unwrap();
    assert!(matches!(pass(), Passage::Free(pass) if pass.is_now()));
    assert!(matches!(pass(), Passage::Free(pass) if !pass.is_now()));
    for _ in 0..3 {
        // The third would wait 2 s: refused, and its place is given back each time.
        let Passage::Refused(refusal) = pass() else { panic!("it waits") };
        assert_eq!(refusal.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(refusal.headers()["retry-after"], "1");
        assert_eq!(refusal.headers()["x-ratelimit-retry-after"], "1");
    }
    house.advance_ms(500);
    assert!(matches!(pass(), Passage::Free(pass) if !pass.is_now()));
}

/// What a future gives without waiting.
async fn at_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|cx| match Pin::new(&mut *future).poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}
