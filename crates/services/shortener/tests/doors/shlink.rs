//! The door that speaks as Shlink, where its clients do not reach.

use axum::body::Body;
use axum::extract::Request;
use serde_json::Value;

use crate::support::Doors;

async fn made(doors: &Doors, body: &str) -> Value {
    let answer = doors.call("POST", "/rest/v3/short-urls", body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

async fn codes(doors: &Doors, query: &str) -> Vec<String> {
    let answer = doors.call("GET", &format!("/rest/v3/short-urls?{query}"), "").await.json();
    let data = answer["shortUrls"]["data"].as_array().unwrap();
    data.iter().map(|link| link["shortCode"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_call_makes_a_code_unless_it_is_to_find_one() {
    let doors = Doors::open();
    let plain = r#"{"longUrl":"https://example.com/a","crawlable":true,"shortCodeLength":8}"#;
    let (first, second) = (made(&doors, plain).await, made(&doors, plain).await);
    assert_ne!(first["shortCode"], second["shortCode"]);
    assert_eq!((&first["forwardQuery"], &first["domain"]), (&true.into(), &Value::Null));
    assert!(first["dateCreated"].as_str().unwrap().ends_with("+00:00"));
    let find = r#"{"longUrl":"https://example.com/a","findIfExists":true}"#;
    let (first, second) = (made(&doors, find).await, made(&doors, find).await);
    assert_eq!(first["shortCode"], second["shortCode"]);
    let slug = r#"{"longUrl":"https://example.com/a","customSlug":"a","findIfExists":true}"#;
    assert_eq!(made(&doors, slug).await["shortCode"], made(&doors, slug).await["shortCode"]);
    let taken = r#"{"longUrl":"https://example.com/b","customSlug":"a","findIfExists":true}"#;
    let taken = doors.call("POST", "/rest/v3/short-urls", taken).await;
    let problem = taken.json();
    assert_eq!((taken.status.as_u16(), &problem["customSlug"]), (400, &"a".into()));
    assert_eq!(problem["type"], "https://shlink.io/api/error/non-unique-slug");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_narrowed_sorted_and_paged() {
    let doors = Doors::open();
    for (slug, tags, extra) in [
        ("b", r#"["x"]"#, r#","title":"Bee""#),
        ("c", r#"["x","y"]"#, r#","maxVisits":5"#),
        ("a", r#"["y"]"#, r#","validUntil":"2040-01-01T00:00:00+00:00""#),
    ] {
        let target = format!("https://example.com/{slug}");
        made(
            &doors,
            &format!(r#"{{"longUrl":"{target}","customSlug":"{slug}","tags":{tags}{extra}}}"#),
        )
        .await;
    }
    assert_eq!(codes(&doors, "").await, ["a", "c", "b"]);
    assert_eq!(codes(&doors, "orderBy=shortCode-ASC").await, ["a", "b", "c"]);
    assert_eq!(codes(&doors, "orderBy=title-DESC&itemsPerPage=1").await, ["b"]);
    assert_eq!(codes(&doors, "itemsPerPage=2&page=2").await, ["b"]);
    assert_eq!(codes(&doors, "tags[]=x&tags[]=y&tagsMode=all").await, ["c"]);
    assert_eq!(codes(&doors, "tags%5B%5D=x&tags%5B%5D=y").await.len(), 3);
    assert_eq!(codes(&doors, "searchTerm=BEE").await, ["b"]);
    assert_eq!(codes(&doors, "domain=DEFAULT").await.len(), 3);
    assert_eq!(codes(&doors, "endDate=2020-01-01T00:00:00Z").await.len(), 0);
    assert_eq!(
        codes(&doors, "excludeMaxVisitsReached=true&excludePastValidUntil=true").await.len(),
        3
    );
    let page = doors.call("GET", "/rest/v3/short-urls?itemsPerPage=2", "").await.json();
    let pagination = &page["shortUrls"]["pagination"];
    assert_eq!((&pagination["pagesCount"], &pagination["totalItems"]), (&2.into(), &3.into()));
    let tags = doors.call("GET", "/rest/v3/tags", "").await.json();
    assert_eq!(tags["tags"]["data"], serde_json::json!(["x", "y"]));
    let stats = doors.call("GET", "/rest/v3/tags/stats", "").await.json();
    assert_eq!(stats["tags"]["data"][0]["shortUrlsCount"], 2);
    let wrong = doors.call("GET", "/rest/v3/short-urls?orderBy=colour-ASC", "").await;
    assert_eq!(wrong.json()["invalidElements"][0], "orderBy");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_url_is_edited_and_deleted() {
    let doors = Doors::open();
    made(&doors, r#"{"longUrl":"https://example.com/","customSlug":"e","maxVisits":3}"#).await;
    let path = "/rest/v3/short-urls/e";
    let edit = r#"{"maxVisits":null,"title":"E","validUntil":"2040-01-01T00:00:00+00:00"}"#;
    let edited = doors.call("PATCH", path, edit).await.json();
    assert_eq!((&edited["meta"]["maxVisits"], &edited["title"]), (&Value::Null, &"E".into()));
    assert_eq!(edited["meta"]["validUntil"], "2040-01-01T00:00:00+00:00");
    let visits = doors.call("GET", "/rest/v3/short-urls/e/visits", "").await.json();
    assert_eq!(visits["visits"]["pagination"]["totalItems"], 0);
    let rules = "/rest/v3/short-urls/e/redirect-rules";
    assert_eq!(doors.call("GET", rules, "").await.json()["redirectRules"], serde_json::json!([]));
    let some = r#"{"redirectRules":[{"longUrl":"https://e.com","conditions":[]}]}"#;
    assert_eq!(doors.call("POST", rules, some).await.status, 400);
    assert_eq!(doors.call("DELETE", "/rest/v3/short-urls/e?domain=sho.rt", "").await.status, 204);
    let gone = doors.call("GET", path, "").await.json();
    assert_eq!(gone["type"], "https://shlink.io/api/error/short-url-not-found");
    assert_eq!(gone["shortCode"], "e");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_and_unknown_routes_are_refused_as_shlink_does() {
    let doors = Doors::open();
    let bare = async |key: Option<&str>, path: &str| {
        let mut request = Request::get(path);
        if let Some(key) = key {
            request = request.header("x-api-key", key);
        }
        doors.send(request.body(Body::empty()).unwrap()).await
    };
    let none = bare(None, "/rest/v3/visits").await;
    assert_eq!(none.json()["type"], "https://shlink.io/api/error/missing-authentication");
    let wrong = bare(Some("wrong"), "/rest/v3/visits").await;
    assert_eq!(
        (wrong.status.as_u16(), wrong.json()["title"].as_str()),
        (401, Some("Invalid API key"))
    );
    assert_eq!(bare(Some("dev"), "/rest/v2/visits").await.status, 200);
    assert_eq!(bare(None, "/rest/health").await.json()["status"], "pass");
    let nothing = bare(Some("dev"), "/rest/v3/nothing").await;
    assert_eq!(nothing.json()["type"], "https://shlink.io/api/error/not-found");
    assert_eq!(bare(Some("dev"), "/rest/v3/mercure-info").await.status, 501);
    let domains = bare(Some("dev"), "/rest/v3/domains").await.json();
    assert_eq!(domains["domains"]["data"][0]["isDefault"], true);
}
