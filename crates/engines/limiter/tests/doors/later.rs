//! Queue mode: A17.

use http::StatusCode;

use crate::support::{House, request, rule};

fn order(number: u32) -> String {
    let mut order: serde_json::Value =
        serde_json::from_str(&request("d", &[&[("k", "shop")]])).unwrap();
    order["payload"] = format!("order {number}").into();
    order.to_string()
}

async fn claim(house: &House) -> Vec<(i64, String)> {
    let claimed = house.call("POST", "/deferred/claim", "{\"count\":10}").await.json();
    let one = |request: &serde_json::Value| {
        (request["id"].as_i64().unwrap(), request["payload"].as_str().unwrap().to_owned())
    };
    claimed["requests"].as_array().unwrap().iter().map(one).collect()
}

/// Orders over the limit are kept and handed out later, in order, and none is lost over a restart.
#[tokio::test(flavor = "multi_thread")]
async fn orders_over_the_limit_are_processed_later_in_order() {
    let house = House::open().await;
    let clock = house.clock();
    house.start_of_hour();
    let noon = clock.now();
    let fields = "unit: minute, requests_per_unit: 2, algorithm: gcra, on_limit: queue";
    house.rules("a.yaml", &rule(fields)).await;
    let mut statuses = Vec::new();
    for number in 1..=6 {
        let answer = house.call("POST", "/decide", &order(number)).await;
        statuses.push((answer.status.as_u16(), answer.json()["queuedAs"].as_i64()));
    }
    let kept = |id| (202, Some(id));
    assert_eq!(statuses, [(200, None), (200, None), kept(1), kept(2), kept(3), kept(4)]);
    let without_payload = house.decide("d", &[("k", "shop")]).await;
    assert_eq!(without_payload.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(claim(&house).await.is_empty(), "no quota yet");
    house.advance_ms(30_000);
    assert_eq!(claim(&house).await, [(1, "order 3".to_owned())]);

    // The first was taken and is not done: its taker has crashed, and so has this process.
    let folder = house.stop().await;
    let house = House::at(folder, |_| {});
    let clock = house.clock();
    clock.freeze();
    clock.advance(std::time::Duration::from_secs(86_400).max(noon.since(clock.now())));
    let queues = house.call("GET", "/deferred", "").await.json();
    assert_eq!(queues["queues"][0]["waiting"], 4);
    let mut processed = Vec::new();
    for _ in 0..4 {
        for (id, payload) in claim(&house).await {
            let done = house.call("POST", &format!("/deferred/{id}/done"), "").await;
            assert_eq!(done.status, StatusCode::NO_CONTENT);
            processed.push(payload);
        }
        house.advance_ms(60_000);
    }
    assert_eq!(processed, ["order 3", "order 4", "order 5", "order 6"]);
    let again = house.call("POST", "/deferred/1/done", "").await;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses() {
    let house = House::open_with(|section| section.deferred_max = 1).await;
    house.start_of_hour();
    house.rules("a.yaml", &rule("unit: hour, requests_per_unit: 0, on_limit: queue")).await;
    assert_eq!(house.call("POST", "/decide", &order(1)).await.status, StatusCode::ACCEPTED);
    let full = house.call("POST", "/decide", &order(2)).await;
    assert_eq!(full.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(full.json()["code"], "OVER_LIMIT");
}
