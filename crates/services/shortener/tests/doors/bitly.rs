//! The door that speaks as Bitly, where its clients do not reach.

use axum::body::Body;
use axum::extract::Request;

use crate::support::Doors;

#[tokio::test(flavor = "multi_thread")]
async fn a_long_url_has_one_bitlink() {
    let doors = Doors::open();
    let body = r#"{"long_url":"https://example.com/a","domain":"bit.ly","group_guid":"default"}"#;
    let made = doors.call("POST", "/v4/shorten", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let link = made.json();
    let id = link["id"].as_str().unwrap();
    assert!(id.starts_with("sho.rt/"), "{id}");
    assert_eq!(link["link"], format!("http://{id}"));
    assert_eq!(link["long_url"], "https://example.com/a");
    assert!(link["created_at"].as_str().unwrap().ends_with("+0000"));
    assert_eq!(link["references"]["group"], "http://sho.rt/v4/groups/default");
    let again = doors.call("POST", "/v4/shorten", body).await;
    assert_eq!((again.status.as_u16(), again.json()["id"].as_str()), (200, Some(id)));

    let code = id.rsplit('/').next().unwrap();
    for id in [id.to_owned(), format!("sho.rt%2F{code}"), format!("bit.ly/{code}")] {
        let found = doors.call("GET", &format!("/v4/bitlinks/{id}"), "").await;
        assert_eq!((found.status.as_u16(), &found.json()["id"]), (200, &link["id"]), "{id}");
    }
    let body = format!(r#"{{"bitlink_id":"bit.ly/{code}"}}"#);
    let expanded = doors.call("POST", "/v4/expand", &body).await;
    assert_eq!(expanded.json()["long_url"], "https://example.com/a");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bitlink_is_made_changed_and_deleted() {
    let doors = Doors::open();
    let body = r#"{"long_url":"https://example.com/b","keyword":"mine","title":"B","tags":["x"],
        "expiration_at":"2040-01-31T12:00:00+0000"}"#;
    let made = doors.call("POST", "/v4/bitlinks", body).await;
    assert_eq!((made.status.as_u16(), made.json()["id"].as_str()), (201, Some("sho.rt/mine")));
    assert_eq!(made.json()["expiration_at"], "2040-01-31T12:00:00+0000");
    let taken = doors.call("POST", "/v4/bitlinks", body).await;
    assert_eq!(
        (taken.status.as_u16(), &*taken.json()["message"].to_string()),
        (409, "\"CONFLICT\"")
    );

    let body = r#"{"title":"C","tags":["y","z"],"long_url":"https://example.com/c"}"#;
    let changed = doors.call("PATCH", "/v4/bitlinks/sho.rt/mine", body).await.json();
    assert_eq!((&changed["title"], &changed["tags"][1]), (&"C".into(), &"z".into()));
    assert_eq!(changed["long_url"], "https://example.com/c");
    let archived = doors.call("PATCH", "/v4/bitlinks/sho.rt/mine", r#"{"archived":true}"#).await;
    assert_eq!(archived.json()["message"], "INVALID_ARG_ARCHIVED");

    let deleted = doors.call("DELETE", "/v4/bitlinks/sho.rt/mine", "").await;
    assert_eq!(deleted.json()["links_deleted"][0]["id"], "sho.rt/mine");
    let gone = doors.call("GET", "/v4/bitlinks/sho.rt/mine", "").await;
    assert_eq!((gone.status.as_u16(), &gone.json()["message"]), (404, &"NOT_FOUND".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_bitlys() {
    let doors = Doors::open();
    let refused = doors.call("POST", "/v4/shorten", r#"{"long_url":"javascript:alert(1)"}"#).await;
    let body = refused.json();
    assert_eq!((refused.status.as_u16(), &body["message"]), (400, &"INVALID_ARG_LONG_URL".into()));
    assert_eq!(body["errors"][0]["field"], "long_url");
    assert_eq!(body["resource"], "bitlinks");
    let domain = r#"{"long_url":"https://example.com/","domain":"other.example"}"#;
    let domain = doors.call("POST", "/v4/shorten", domain).await;
    assert_eq!(domain.json()["message"], "INVALID_ARG_DOMAIN");
    for token in ["Bearer wrong", "wrong"] {
        let request = Request::get("/v4/user").header("authorization", token);
        let answer = doors.send(request.body(Body::empty()).unwrap()).await;
        let body = answer.json();
        assert_eq!((answer.status.as_u16(), &body["message"]), (403, &"FORBIDDEN".into()));
    }
    let request = Request::get("/v4/user").header("authorization", "dev");
    let user = doors.send(request.body(Body::empty()).unwrap()).await.json();
    assert_eq!(user["default_group_guid"], "default");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_say_what_they_were_asked() {
    let doors = Doors::open();
    let body = r#"{"long_url":"https://example.com/m","keyword":"m"}"#;
    doors.call("POST", "/v4/bitlinks", body).await;
    let reference = "2040-01-31T12:34:56%2B0000";
    let path = format!("/v4/bitlinks/sho.rt/m/clicks?unit=day&units=3&unit_reference={reference}");
    let clicks = doors.call("GET", &path, "").await.json();
    assert_eq!(clicks["unit_reference"], "2040-01-31T12:34:56+0000");
    assert_eq!((&clicks["unit"], &clicks["units"]), (&"day".into(), &3.into()));
    let days = clicks["link_clicks"].as_array().unwrap();
    let dates: Vec<&str> = days.iter().map(|day| day["date"].as_str().unwrap()).collect();
    assert_eq!(
        dates,
        ["2040-01-31T00:00:00+0000", "2040-01-30T00:00:00+0000", "2040-01-29T00:00:00+0000",]
    );
    let summary = doors.call("GET", "/v4/bitlinks/sho.rt/m/clicks/summary", "").await.json();
    assert_eq!((&summary["total_clicks"], &summary["units"]), (&0.into(), &(-1).into()));
    let countries = doors.call("GET", "/v4/bitlinks/sho.rt/m/countries", "").await.json();
    assert_eq!(
        (&countries["facet"], countries["metrics"].as_array().unwrap().len()),
        (&"countries".into(), 0)
    );
    let minute = doors.call("GET", "/v4/bitlinks/sho.rt/m/clicks?unit=minute", "").await;
    assert_eq!(minute.json()["message"], "INVALID_ARG_UNIT");
    let other = doors.call("GET", "/v4/bitlinks/sho.rt/m/nothing", "").await;
    assert_eq!(other.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_groups_bitlinks_come_in_pages() {
    let doors = Doors::open();
    for number in 0..5 {
        let body = format!(
            r#"{{"long_url":"https://example.com/{number}","keyword":"k{number}","tags":["t"]}}"#
        );
        doors.call("POST", "/v4/bitlinks", &body).await;
    }
    let mut ids = Vec::new();
    let mut path = "/v4/groups/default/bitlinks?size=2&tags=t".to_owned();
    for page in 1..=3 {
        let answer = doors.call("GET", &path, "").await.json();
        let links = answer["links"].as_array().unwrap();
        ids.extend(links.iter().map(|link| link["id"].as_str().unwrap().to_owned()));
        let pagination = &answer["pagination"];
        assert_eq!((&pagination["total"], &pagination["page"]), (&5.into(), &page.into()));
        let next = pagination["next"].as_str().unwrap();
        assert_eq!(next.is_empty(), page == 3, "{next}");
        path = next.trim_start_matches("http://sho.rt").to_owned();
    }
    assert_eq!(ids, ["sho.rt/k4", "sho.rt/k3", "sho.rt/k2", "sho.rt/k1", "sho.rt/k0"]);
    let second = doors.call("GET", "/v4/groups/default/bitlinks?size=2&page=2", "").await.json();
    assert_eq!(second["links"][0]["id"], "sho.rt/k2");
    let none = doors.call("GET", "/v4/groups/default/bitlinks?tags=other", "").await.json();
    assert_eq!(none["pagination"]["total"], 0);
    let found = doors.call("GET", "/v4/groups/default/bitlinks?query=/3", "").await.json();
    assert_eq!(found["links"][0]["id"], "sho.rt/k3");
    let other = doors.call("GET", "/v4/groups/other", "").await;
    assert_eq!(other.status, 404);
    let groups = doors.call("GET", "/v4/groups", "").await.json();
    assert_eq!(groups["groups"][0]["guid"], "default");
}
