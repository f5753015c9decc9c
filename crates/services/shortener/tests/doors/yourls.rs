//! The door that speaks as YOURLS, where its clients do not reach.

use axum::body::Body;
use axum::extract::Request;
use serde_json::Value;

use crate::support::{Answer, Doors};

async fn get(doors: &Doors, query: &str) -> Answer {
    let path = format!("/yourls-api.php?signature=dev&{query}");
    let request = Request::get(path).header("host", "sho.rt").body(Body::empty());
    doors.send(request.unwrap()).await
}

async fn json(doors: &Doors, query: &str) -> (u16, Value) {
    let answer = get(doors, &format!("format=json&{query}")).await;
    (answer.status.as_u16(), answer.json())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_is_shortened_once() {
    let doors = Doors::open();
    let query = "action=shorturl&url=https://example.com/a&title=A";
    let (status, made) = json(&doors, query).await;
    assert_eq!(
        (status, &made["status"], &made["statusCode"]),
        (200, &"success".into(), &200.into())
    );
    assert_eq!((&made["title"], &made["url"]["ip"]), (&"A".into(), &"".into()));
    let (status, again) = json(&doors, query).await;
    assert_eq!((status, &again["code"]), (200, &"error:url".into()));
    assert_eq!(again["shorturl"], made["shorturl"]);
    assert_eq!(again["url"]["clicks"], "0");
    let simple = get(&doors, &format!("{query}&format=simple")).await;
    assert_eq!(simple.text, made["shorturl"].as_str().unwrap());

    let (_, mine) = json(&doors, "action=shorturl&url=https://example.com/b&keyword=mine").await;
    assert_eq!(
        (&mine["shorturl"], &mine["title"]),
        (&"http://sho.rt/mine".into(), &"https://example.com/b".into())
    );
    let (status, taken) = json(&doors, "action=shorturl&url=https://e.com/c&keyword=mine").await;
    assert_eq!((status, &taken["code"]), (200, &"error:keyword".into()));
    assert_eq!(taken["message"], "Short URL mine already exists in database or is reserved");
    let (status, none) = json(&doors, "action=shorturl").await;
    assert_eq!(
        (status, &none["code"], &none["errorCode"]),
        (400, &"error:nourl".into(), &"400".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn links_are_expanded_counted_updated_and_deleted() {
    let doors = Doors::open();
    for name in ["one", "two", "three"] {
        json(&doors, &format!("action=shorturl&url=https://example.com/{name}&keyword={name}"))
            .await;
    }
    for name in ["two", "http://sho.rt/two"] {
        let (_, expanded) = json(&doors, &format!("action=expand&shorturl={name}")).await;
        assert_eq!(expanded["longurl"], "https://example.com/two", "{name}");
    }
    let (status, none) = json(&doors, "action=expand&shorturl=none").await;
    assert_eq!((status, &none["message"]), (404, &"Error: short URL not found".into()));
    let (_, stats) = json(&doors, "action=url-stats&shorturl=two").await;
    assert_eq!(stats["link"]["clicks"], "0");
    let (_, last) = json(&doors, "action=stats&filter=last&limit=2").await;
    assert_eq!(last["links"]["link_1"]["shorturl"], "http://sho.rt/three");
    assert_eq!(last["stats"]["total_links"], "3");
    let (_, random) = json(&doors, "action=stats&filter=rand&limit=3").await;
    assert_eq!(random["links"].as_object().unwrap().len(), 3);
    let (_, all) = json(&doors, "action=db-stats").await;
    assert_eq!(all["db-stats"]["total_links"], "3");

    json(&doors, "action=update&shorturl=one&url=https://example.com/new&title=New").await;
    let (_, expanded) = json(&doors, "action=expand&shorturl=one").await;
    assert_eq!(expanded["longurl"], "https://example.com/new");
    let (status, _) = json(&doors, "action=delete&keyword=one").await;
    assert_eq!(status, 200);
    assert_eq!(json(&doors, "action=expand&shorturl=one").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_is_written() {
    let doors = Doors::open();
    let jsonp = get(&doors, "action=version&format=jsonp&callback=done").await.text;
    assert!(jsonp.starts_with("done({") && jsonp.ends_with("})"), "{jsonp}");
    let xml = get(&doors, "action=version").await.text;
    assert!(xml.contains("<result><statusCode>200</statusCode><version>"), "{xml}");
    let unknown = get(&doors, "action=nothing&format=simple").await;
    assert_eq!(
        (unknown.status.as_u16(), &*unknown.text),
        (400, "Unknown or missing \"action\" parameter")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_come_as_parameters() {
    let doors = Doors::open();
    let post = async |form: &'static str| {
        let request = Request::post("/yourls-api.php")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(form));
        doors.send(request.unwrap()).await
    };
    let version = "format=json&action=version";
    assert_eq!(post("format=json&action=version&username=any&password=dev").await.status, 200);
    for wrong in [
        "format=json&action=version",
        "format=json&action=version&signature=wrong",
        "format=json&action=version&signature=dev&timestamp=1",
        "format=json&action=version&signature=%0d%0a",
    ] {
        let answer = post(wrong).await;
        assert_eq!(answer.status, 403, "{wrong}: {}", answer.text);
        assert!(wrong.starts_with(version));
    }
}
