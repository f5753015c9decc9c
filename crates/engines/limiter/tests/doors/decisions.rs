//! Decisions over HTTP: the acceptance of the requirement, by a frozen clock.

use http::StatusCode;

use crate::support::{House, request, rule};

const MARKETING: &str = "\
domain: messaging
descriptors:
  - key: message_type
    value: marketing
    descriptors:
      - key: user
        rate_limit:
          unit: day
          requests_per_unit: 5
";
const LOGIN: &str = "\
domain: auth
descriptors:
  - key: auth_type
    value: login
    rate_limit:
      unit: minute
      requests_per_unit: 5
";

/// A1: 2 a second, three within one.
#[tokio::test(flavor = "multi_thread")]
async fn the_third_of_a_second_is_refused_with_a_wait() {
    let house = House::open().await;
    house.start_of_hour();
    house.rules("a.yaml", &rule("unit: second, requests_per_unit: 2")).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        house.advance_ms(100);
        statuses.push(house.decide("d", &[("k", "ada")]).await);
    }
    assert_eq!(statuses[0].status, StatusCode::OK);
    assert_eq!(statuses[1].status, StatusCode::OK);
    assert_eq!(statuses[2].status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(statuses[2].header("x-ratelimit-retry-after"), Some("1"));
    assert_eq!(statuses[2].header("retry-after"), Some("1"));
}

/// A11: the files of the requirement load and limit.
#[tokio::test(flavor = "multi_thread")]
async fn the_sixth_is_denied_and_another_user_or_day_passes() {
    let house = House::open().await;
    house.start_of_hour();
    house.rules("messaging.yaml", MARKETING).await;
    house.rules("auth.yaml", LOGIN).await;
    let to = |user| [("message_type", "marketing"), ("user", user)];
    for number in 1..=6 {
        let message = house.decide("messaging", &to("ada")).await;
        assert_eq!(message.status == StatusCode::OK, number <= 5, "message {number}");
        let login = house.decide("auth", &[("auth_type", "login")]).await;
        assert_eq!(login.status == StatusCode::OK, number <= 5, "log-in {number}");
    }
    assert_eq!(house.decide("messaging", &to("bob")).await.status, StatusCode::OK);
    house.advance_ms(60_000);
    assert_eq!(house.decide("auth", &[("auth_type", "login")]).await.status, StatusCode::OK);
    assert_eq!(house.decide("messaging", &to("ada")).await.status, StatusCode::TOO_MANY_REQUESTS);
    house.advance_ms(86_400_000);
    assert_eq!(house.decide("messaging", &to("ada")).await.status, StatusCode::OK);
    let free = house.decide("messaging", &[("message_type", "receipt")]).await;
    assert_eq!((free.status, free.header("x-ratelimit-limit")), (StatusCode::OK, None));
}

/// Every algorithm that a file can name, with 3 in 10 s.
const ALGORITHMS: [&str; 9] = [
    "algorithm: fixed_window",
    "algorithm: sliding_counter",
    "algorithm: sliding_counter, rounding: up",
    "algorithm: sliding_counter, buckets: 10",
    "algorithm: sliding_log, count_rejected: false",
    "algorithm: sliding_log",
    "algorithm: token_bucket",
    "algorithm: token_bucket, refill: interval",
    "algorithm: gcra",
];

/// A14, A15: the headers are right on every answer, and who waits as told passes.
#[tokio::test(flavor = "multi_thread")]
async fn who_waits_as_told_passes() {
    for algorithm in ALGORITHMS {
        let house = House::open().await;
        house.start_of_hour();
        let fields =
            format!("unit: second, unit_multiplier: 10, requests_per_unit: 3, {algorithm}");
        house.rules("a.yaml", &rule(&fields)).await;
        house.advance_ms(1_300);
        for left in ["2", "1", "0"] {
            let answer = house.decide("d", &[("k", "ada")]).await;
            assert_eq!(answer.status, StatusCode::OK, "{algorithm}");
            assert_eq!(answer.header("x-ratelimit-limit"), Some("3"), "{algorithm}");
            assert_eq!(answer.header("x-ratelimit-remaining"), Some(left), "{algorithm}");
            assert_eq!(answer.header("x-ratelimit-retry-after"), None, "{algorithm}");
        }
        let refused = house.decide("d", &[("k", "ada")]).await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{algorithm}");
        assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"), "{algorithm}");
        let wait_s: u64 = refused.header("x-ratelimit-retry-after").unwrap().parse().unwrap();
        assert!((1..=20).contains(&wait_s), "{algorithm}: {wait_s}");
        house.advance_ms(wait_s * 1_000);
        let waited = house.decide("d", &[("k", "ada")]).await;
        assert_eq!(waited.status, StatusCode::OK, "{algorithm} after {wait_s} s");
    }
}

/// A16: the second rule denies, and the first is not charged.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_denied_by_one_rule_uses_up_nothing_of_another() {
    let house = House::open().await;
    house.start_of_hour();
    let rules = "\
domain: d
descriptors:
  - key: user
    rate_limit: {unit: hour, requests_per_unit: 10}
  - key: global
    rate_limit: {unit: hour, requests_per_unit: 1, algorithm: token_bucket}
";
    house.rules("a.yaml", rules).await;
    let both = request("d", &[&[("user", "ada")], &[("global", "all")]]);
    assert_eq!(house.call("POST", "/decide", &both).await.status, StatusCode::OK);
    for _ in 0..3 {
        let denied = house.call("POST", "/decide", &both).await;
        assert_eq!(denied.status, StatusCode::TOO_MANY_REQUESTS);
        let json = denied.json();
        assert_eq!(json["statuses"][0]["code"], "OK");
        assert_eq!(json["statuses"][0]["remaining"], 9);
        assert_eq!(json["statuses"][1]["code"], "OVER_LIMIT");
    }
    let alone = house.decide("d", &[("user", "ada")]).await;
    assert_eq!(alone.header("x-ratelimit-remaining"), Some("8"));
}

/// A20: an hour back.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_set_an_hour_back_gives_no_more_than_one_bucket() {
    use kit::clock::Timestamp;
    use limiter::answer::Answer;
    use limiter::table::{Charge, Table};

    let start = Timestamp::parse("2026-03-01T12:00:00Z").unwrap();
    let hour_us = 3_600_000_000_u64;
    for algorithm in ALGORITHMS {
        let rules = limiter::rules::Rules::new(limiter::rules::Kind::FixedWindow);
        let fields = format!("unit: minute, requests_per_unit: 5, {algorithm}");
        let file = limiter::rules::RuleFile { name: "a.yaml".to_owned(), text: rule(&fields) };
        rules.take(vec![file]).unwrap();
        let limit = rules.load().rules()[0].limit.unwrap();
        let (table, now_us) = (Table::new(1 << 20), start.micros().unsigned_abs());
        let charge =
            Charge { algorithm: &limit.algorithm, key: 7, hits: 1, lease: 0, shadow: false };
        let passed = |at_us: u64| {
            let admitted = |answer: Answer| answer.admitted;
            (0..20).filter(|_| admitted(table.decide(&charge, at_us))).count()
        };
        assert_eq!(passed(now_us), 5, "{algorithm}");
        assert_eq!(passed(now_us - hour_us), 0, "{algorithm}");
        assert!(passed(now_us - hour_us + 120_000_001) <= 5, "{algorithm}");
        assert!(passed(now_us + 24 * hour_us) <= 5, "{algorithm}");
    }
}

/// A21: counted and reported, never denied.
#[tokio::test(flavor = "multi_thread")]
async fn a_rule_in_shadow_mode_denies_nothing() {
    let house = House::open().await;
    house.start_of_hour();
    house.rules("a.yaml", &rule("unit: hour, requests_per_unit: 1, shadow_mode: true")).await;
    for _ in 0..3 {
        assert_eq!(house.decide("d", &[("k", "ada")]).await.status, StatusCode::OK);
    }
    let rules = house.call("GET", "/rules", "").await.json();
    assert_eq!(rules["rules"][0]["allowed"], 1);
    assert_eq!(rules["rules"][0]["shadowed"], 2);
    assert_eq!(rules["rules"][0]["denied"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_comes_with_the_request_and_hits_of_more_than_one() {
    let house = House::open().await;
    house.start_of_hour();
    house.rules("a.yaml", &rule("unit: hour, requests_per_unit: 1")).await;
    let with_limit = |requests: u32, hits: u32| {
        format!(
            "{{\"domain\":\"d\",\"hits\":{hits},\"descriptors\":[{{\"entries\":[{{\"key\":\"k\",\
             \"value\":\"ada\"}}],\"limit\":{{\"requestsPerUnit\":{requests},\"unit\":\"hour\"}}\
             }}]}}"
        )
    };
    let ask = async |requests, hits| {
        house.call("POST", "/decide", &with_limit(requests, hits)).await.status
    };
    assert_eq!(ask(5, 3).await, StatusCode::OK);
    assert_eq!(ask(5, 3).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(ask(5, u32::MAX).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(ask(5, 2).await, StatusCode::OK);
    assert_eq!(ask(50, 2).await, StatusCode::OK, "a raised limit is in force at once");
    assert_eq!(ask(0, 1).await, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_replaces_another_takes_its_place() {
    let house = House::open().await;
    house.start_of_hour();
    let rules = "\
domain: d
descriptors:
  - key: all
    rate_limit: {unit: hour, requests_per_unit: 1, name: everybody}
  - key: user
    value: ada
    rate_limit: {unit: hour, requests_per_unit: 3, replaces: [{name: everybody}]}
";
    house.rules("a.yaml", rules).await;
    let ada = request("d", &[&[("all", "")], &[("user", "ada")]]);
    for number in 1..=4 {
        let status = house.call("POST", "/decide", &ada).await.status;
        assert_eq!(status == StatusCode::OK, number <= 3);
    }
    let bob = request("d", &[&[("all", "")], &[("user", "bob")]]);
    assert_eq!(house.call("POST", "/decide", &bob).await.status, StatusCode::OK);
    assert_eq!(house.call("POST", "/decide", &bob).await.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_are_given_back_or_end_by_themselves() {
    let house = House::open().await;
    house.start_of_hour();
    house.rules("a.yaml", &rule("requests_per_unit: 1, algorithm: concurrency, lease_s: 30")).await;
    let first = house.decide("d", &[("k", "ada")]).await;
    let lease = first.json()["lease"].as_u64().unwrap();
    let refused = house.decide("d", &[("k", "ada")]).await;
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(refused.header("retry-after"), Some("30"));
    let mut release: serde_json::Value =
        serde_json::from_str(&request("d", &[&[("k", "ada")]])).unwrap();
    release["lease"] = lease.into();
    let released = house.call("POST", "/release", &release.to_string()).await;
    assert_eq!(released.status, StatusCode::NO_CONTENT);
    assert_eq!(house.decide("d", &[("k", "ada")]).await.status, StatusCode::OK);
    assert_eq!(house.decide("d", &[("k", "ada")]).await.status, StatusCode::TOO_MANY_REQUESTS);
    house.advance_ms(30_000);
    assert_eq!(house.decide("d", &[("k", "ada")]).await.status, StatusCode::OK);
}

/// A reservation of unknown cost: 40 are taken, 25 were not needed.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_reservation_did_not_need_is_given_back_and_a_reset_forgets() {
    let house = House::open().await;
    house.start_of_hour();
    house.rules("a.yaml", &rule("unit: hour, requests_per_unit: 50, algorithm: gcra")).await;
    let of = |hits: u32| {
        let request = request("d", &[&[("k", "ada")]]);
        let mut request: serde_json::Value = serde_json::from_str(&request).unwrap();
        request["hits"] = hits.into();
        request.to_string()
    };
    let reserved = house.call("POST", "/decide", &of(40)).await;
    assert_eq!(reserved.header("x-ratelimit-remaining"), Some("10"));
    assert_eq!(house.call("POST", "/refund", &of(25)).await.status, StatusCode::NO_CONTENT);
    let look = house.call("POST", "/decide", &of(0)).await;
    assert_eq!(look.header("x-ratelimit-remaining"), Some("35"));
    assert_eq!(house.call("POST", "/reset", &of(1)).await.status, StatusCode::NO_CONTENT);
    let look = house.call("POST", "/decide", &of(0)).await;
    assert_eq!(look.header("x-ratelimit-remaining"), Some("50"));
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_tells_every_rule_and_the_next_free_instant_and_charges_nothing() {
    let house = House::open().await;
    house.start_of_hour();
    let rules = "\
domain: d
descriptors:
  - key: user
    rate_limit: {unit: minute, requests_per_unit: 2, algorithm: gcra}
  - key: path
    rate_limit: {unit: second, requests_per_unit: 9}
";
    house.rules("a.yaml", rules).await;
    let both = request("d", &[&[("user", "ada")], &[("path", "/x")], &[("none", "")]]);
    house.call("POST", "/decide", &both).await;
    house.call("POST", "/decide", &both).await;
    for _ in 0..3 {
        let told = house.call("POST", "/explain", &both).await.json();
        let (user, path) = (&told["statuses"][0], &told["statuses"][1]);
        assert_eq!(user["rule"], "d:/user");
        assert_eq!((&user["code"], &user["remaining"]), (&"OVER_LIMIT".into(), &0.into()));
        assert_eq!(user["freeInUs"], 30_000_000);
        assert_eq!((&path["code"], &path["remaining"]), (&"OK".into(), &7.into()));
        assert_eq!(path["freeInUs"], 0);
        assert!(told["statuses"][2]["rule"].is_null());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_denied_most_are_named() {
    let house = House::open().await;
    house.start_of_hour();
    house.rules("a.yaml", &rule("unit: hour, requests_per_unit: 1")).await;
    for (who, times) in [("ada", 2), ("mallory", 9)] {
        for _ in 0..times {
            house.decide("d", &[("k", who)]).await;
        }
    }
    let offenders = house.call("GET", "/offenders", "").await.json();
    assert_eq!(offenders["offenders"][0]["who"], "d: k=mallory");
    assert_eq!(offenders["offenders"][0]["denied"], 8);
    assert_eq!(offenders["offenders"][1]["denied"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_the_callers_mistake() {
    let house = House::open().await;
    for (body, status) in [
        ("", StatusCode::BAD_REQUEST),
        ("{}", StatusCode::UNPROCESSABLE_ENTITY),
        ("{\"domain\":\"\",\"descriptors\":[]}", StatusCode::UNPROCESSABLE_ENTITY),
        ("{\"domain\":\"d\",\"descriptors\":[]}", StatusCode::UNPROCESSABLE_ENTITY),
        ("{\"domain\":\"d\",\"descriptors\":[{\"entries\":[]}]}", StatusCode::UNPROCESSABLE_ENTITY),
        ("{\"domain\":\"d\",\"hits\":-1,\"descriptors\":[]}", StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        assert_eq!(house.call("POST", "/decide", body).await.status, status, "{body}");
    }
    let many = vec![&[("k", "v")][..]; 33];
    let many = house.call("POST", "/decide", &request("d", &many)).await;
    assert!(many.text.contains("33 descriptors"), "{}", many.text);
    let long = "x".repeat(20_000);
    let long = house.decide("d", &[("k", &long)]).await;
    assert_eq!(long.status, StatusCode::UNPROCESSABLE_ENTITY);
    let nobody = http::Request::post("/decide").body(axum::body::Body::from("{}")).unwrap();
    assert_eq!(house.send(nobody).await.status, StatusCode::UNAUTHORIZED);
}
