//! The layer in front of a server of axum.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use http::{HeaderMap, StatusCode};
use kit::http::Peer;
use limiter::descriptors::{Part, Recipe};
use limiter::gate::Gate;
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

fn server(house: &House) -> Router {
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
    let gate = Gate::new(house.door.rooms.clone(), recipe, Arc::new(identify)).unwrap();
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
    let house = House::open().await;
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
