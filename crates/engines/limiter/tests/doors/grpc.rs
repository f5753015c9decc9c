//! Envoy's protocol as bytes; `tests/clients` has real clients of it.

use axum::body::Body;
use axum::extract::Request;
use http::header;
use http_body_util::BodyExt;
use limiter::grpc::messages::{
    Entry, RateLimitDescriptor, RateLimitRequest, RateLimitResponse, UInt64Value,
};
use limiter::grpc::{Grpc, frame};
use prost::Message;

use crate::support::{House, rule};

const SHOULD_RATE_LIMIT: &str = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";

/// The status and, where it is OK, the message.
struct Answered {
    status: String,
    message: Vec<u8>,
}

async fn call(house: &House, path: &str, body: Vec<u8>) -> Answered {
    let grpc = Grpc::new(house.door.clone(), &house.metrics);
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::AUTHORIZATION, "Bearer dev")
        .body(Body::from(body));
    let (parts, body) = grpc.answer(request.unwrap()).await.into_parts();
    let collected = body.collect().await.unwrap();
    let of = |headers: &http::HeaderMap| {
        headers.get("grpc-status").map(|status| status.to_str().unwrap().to_owned())
    };
    let trailers = collected.trailers().and_then(of);
    let status = trailers.or_else(|| of(&parts.headers)).unwrap();
    let bytes = collected.to_bytes();
    Answered { status, message: bytes.get(5..).unwrap_or_default().to_vec() }
}

fn framed(message: &impl Message) -> Vec<u8> {
    let bytes = message.encode_to_vec();
    let mut framed = vec![0];
    framed.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
    framed.extend(bytes);
    framed
}

fn asking(key: &str, value: &str, hits_addend: u32) -> RateLimitRequest {
    let entry = Entry { key: key.to_owned(), value: value.to_owned() };
    let descriptor = RateLimitDescriptor { entries: vec![entry], limit: None, hits_addend: None };
    RateLimitRequest { domain: "d".to_owned(), descriptors: vec![descriptor], hits_addend }
}

async fn ruled(house: &House, request: &RateLimitRequest) -> RateLimitResponse {
    let answered = call(house, SHOULD_RATE_LIMIT, framed(request)).await;
    assert_eq!(answered.status, "0");
    RateLimitResponse::decode(&*answered.message).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_ruled_on_and_told_what_is_left() {
    let house = House::open().await;
    house.start_of_hour();
    house.rules("a.yaml", &rule("unit: minute, requests_per_unit: 3, name: three")).await;
    let first = ruled(&house, &asking("k", "ada", 0)).await;
    let status = &first.statuses[0];
    assert_eq!((first.overall_code, status.code, status.limit_remaining), (1, 1, 2));
    let limit = status.current_limit.as_ref().unwrap();
    assert_eq!((limit.requests_per_unit, limit.unit, limit.name.as_str()), (3, 2, "three"));
    assert_eq!(status.duration_until_reset.unwrap().seconds, 60);
    assert!(first.response_headers_to_add.is_empty());
    let over = ruled(&house, &asking("k", "ada", 3)).await;
    assert_eq!((over.overall_code, over.statuses[0].code), (2, 2));
    let header = |name: &str| {
        let mut headers = over.response_headers_to_add.iter();
        headers.find(|header| header.key == name).map(|header| header.value.as_str())
    };
    assert_eq!(header("x-ratelimit-remaining"), Some("2"));
    assert_eq!(header("retry-after"), Some("60"));
    let free = ruled(&house, &asking("other", "x", 0)).await;
    assert_eq!((free.overall_code, free.statuses.len()), (1, 1));
    assert!(free.statuses[0].current_limit.is_none());
    let mut looking = asking("k", "ada", 0);
    looking.descriptors[0].hits_addend = Some(UInt64Value { value: 0 });
    assert_eq!(ruled(&house, &looking).await.statuses[0].limit_remaining, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_has_its_status() {
    let house = House::open().await;
    let status = async |path: &str, body: Vec<u8>| call(&house, path, body).await.status;
    assert_eq!(status(SHOULD_RATE_LIMIT, Vec::new()).await, "3");
    assert_eq!(status(SHOULD_RATE_LIMIT, vec![0, 0, 0, 0, 9, 1]).await, "3");
    assert_eq!(status(SHOULD_RATE_LIMIT, vec![1, 0, 0, 0, 0]).await, "12");
    assert_eq!(status(SHOULD_RATE_LIMIT, framed(&RateLimitRequest::default())).await, "3");
    let long = vec![0; frame::MESSAGE_BYTES_MAX + 1];
    assert_eq!(status(SHOULD_RATE_LIMIT, long).await, "8");
    assert_eq!(status("/some.Service/Call", Vec::new()).await, "12");
    let health = call(&house, "/grpc.health.v1.Health/Check", vec![0; 5]).await;
    assert_eq!((health.status.as_str(), health.message.as_slice()), ("0", &[8, 1][..]));
    let grpc = Grpc::new(house.door.clone(), &house.metrics);
    let plain = Request::post(SHOULD_RATE_LIMIT).body(Body::empty()).unwrap();
    assert_eq!(grpc.answer(plain).await.status().as_u16(), 415);
    let nobody = Request::post(SHOULD_RATE_LIMIT)
        .header(header::CONTENT_TYPE, "application/grpc+proto")
        .body(Body::from(framed(&asking("k", "ada", 0))));
    let refused = grpc.answer(nobody.unwrap()).await;
    assert_eq!(refused.headers()["grpc-status"], "16");
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_without_a_credential_where_the_settings_allow_it() {
    let house = House::open_with(|section| section.anonymous = true).await;
    house.rules("a.yaml", &rule("unit: day, requests_per_unit: 1")).await;
    let grpc = Grpc::new(house.door.clone(), &house.metrics);
    let request = Request::post(SHOULD_RATE_LIMIT)
        .header(header::CONTENT_TYPE, "application/grpc")
        .body(Body::from(framed(&asking("k", "ada", 0))));
    let answer = grpc.answer(request.unwrap()).await;
    assert!(answer.headers().get("grpc-status").is_none(), "the status is in the trailers");
    let put = Request::put("/rules/b.yaml").body(Body::from("domain: e\n")).unwrap();
    assert_eq!(house.send(put).await.status.as_u16(), 401);
}
