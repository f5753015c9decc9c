//! Rule files: on disk, by the API, tried and refused.

use std::time::Duration;

use http::StatusCode;

use crate::support::{House, rule};

/// A12, F15: what is edited on disk is in force within two seconds, and a broken file changes
/// nothing but the alarm.
#[tokio::test(flavor = "multi_thread")]
async fn rules_edited_on_disk_take_effect_and_broken_ones_raise_the_alarm() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.yaml");
    std::fs::write(&path, rule("unit: day, requests_per_unit: 1")).unwrap();
    let rules = folder.path().to_str().unwrap().to_owned();
    let house = House::open_with(|section| section.rules = rules).await;
    house.start_of_hour();
    let limit = async || {
        let answer = house.decide("d", &[("k", "ada")]).await;
        answer.header("x-ratelimit-limit").map(str::to_owned)
    };
    assert_eq!(limit().await.as_deref(), Some("1"));
    std::fs::write(&path, rule("unit: day, requests_per_unit: 7")).unwrap();
    // Requests go on meanwhile, by the old rules or the new ones.
    let changed = tokio::time::timeout(Duration::from_secs(2), async {
        while limit().await.as_deref() != Some("7") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    changed.await.unwrap();
    assert_eq!(house.metric("backplane_limiter_rules_refused"), 0.0);
    std::fs::write(&path, rule("unit: fortnight, requests_per_unit: 9")).unwrap();
    let alarmed = tokio::time::timeout(Duration::from_secs(2), async {
        while house.metric("backplane_limiter_rules_refused") == 0.0 {
            assert_eq!(limit().await.as_deref(), Some("7"));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    alarmed.await.unwrap();
    let told = house.call("GET", "/rules", "").await.json();
    assert!(told["refused"].as_str().unwrap().starts_with("a.yaml, line 4: unit"), "{told}");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(house.call("POST", "/reload", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(limit().await, None);
    assert_eq!(house.metric("backplane_limiter_rules_refused"), 0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_by_the_api_are_files_and_a_bad_one_is_refused_whole() {
    let house = House::open().await;
    let first = rule("unit: day, requests_per_unit: 1");
    house.rules("a.yaml", &first).await;
    let bad = "domain: e\ndescriptors:\n  - key: a\n  - key: b\n    rate_limit: {unit: day}\n";
    let refused = house.call("PUT", "/rules/b.yaml", bad).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let told = refused.json();
    assert_eq!((&told["file"], &told["line"]), (&"b.yaml".into(), &5.into()));
    assert_eq!(told["reason"], "requests_per_unit is missing");
    let shown = house.call("GET", "/rules/a.yaml", "").await;
    assert_eq!((shown.status, shown.text.as_str()), (StatusCode::OK, first.as_str()));
    assert_eq!(house.call("GET", "/rules/b.yaml", "").await.status, StatusCode::NOT_FOUND);
    for name in ["x.txt", "..%2Fa.yaml", ".yaml", "A.yaml"] {
        let answer = house.call("PUT", &format!("/rules/{name}"), &first).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{name}");
    }
    // Another process finds them.
    let folder = house.stop().await;
    let house = House::at(folder, |_| {});
    assert_eq!(house.call("GET", "/rules", "").await.json()["files"][0], "a.yaml");
    assert_eq!(house.call("DELETE", "/rules/a.yaml", "").await.status, StatusCode::NO_CONTENT);
    assert_eq!(house.call("DELETE", "/rules/a.yaml", "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(house.call("GET", "/rules", "").await.json()["rules"].as_array().unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_candidate_is_tried_on_what_was_decided() {
    let house = House::open_with(|section| section.recorded_decisions = 100).await;
    house.start_of_hour();
    house.rules("a.yaml", &rule("unit: minute, requests_per_unit: 4")).await;
    for _ in 0..6 {
        house.decide("d", &[("k", "ada")]).await;
        house.decide("d", &[("k", "bob")]).await;
        house.advance_ms(1_000);
    }
    let tried = async |fields: &str| {
        let answer = house.call("POST", "/rules/a.yaml/replay", &rule(fields)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()
    };
    let stricter = tried("unit: minute, requests_per_unit: 1").await;
    assert_eq!(stricter["decisions"], 12);
    assert_eq!((&stricter["admittedThen"], &stricter["admittedNow"]), (&8.into(), &2.into()));
    assert_eq!(stricter["newlyDenied"], 6);
    assert_eq!(stricter["rules"][0]["denied"], 10);
    let looser = tried("unit: second, requests_per_unit: 1").await;
    assert_eq!((&looser["newlyDenied"], &looser["newlyAdmitted"]), (&0.into(), &4.into()));
    let shown = house.call("POST", "/rules/a.yaml/validate", &rule("unit: day")).await;
    assert_eq!(shown.status, StatusCode::UNPROCESSABLE_ENTITY);
    let rules = house.call("GET", "/rules", "").await.json();
    assert_eq!(rules["rules"][0]["requestsPerUnit"], 4, "nothing changed");
    assert_eq!(
        (&rules["rules"][0]["allowed"], &rules["rules"][0]["denied"]),
        (&8.into(), &4.into())
    );
}
