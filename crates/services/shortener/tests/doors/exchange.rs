//! Links in and out as files.

use axum::body::Body;
use axum::extract::Request;
use serde_json::Value;

use crate::support::{Answer, Doors};

async fn import(doors: &Doors, file: impl Into<Body>) -> Answer {
    let request = Request::post("/import?format=auto").header("authorization", "Bearer dev");
    doors.send(request.body(file.into()).unwrap()).await
}

async fn imported(doors: &Doors, file: &str) -> (u64, u64, Value) {
    let answer = import(doors, file.to_owned()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = answer.json();
    let number = |name: &str| body[name].as_u64().unwrap();
    (number("imported"), number("existing"), body["refused"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn exports_of_other_shorteners_are_taken_in() {
    let files = [
        (include_str!("../data/exchange/yourls.sql"), "yourls.sql"),
        (include_str!("../data/exchange/yourls.csv"), "yourls.csv"),
        (include_str!("../data/exchange/shlink.json"), "shlink.json"),
        (include_str!("../data/exchange/shlink.csv"), "shlink.csv"),
        (include_str!("../data/exchange/kutt.json"), "kutt.json"),
        (include_str!("../data/exchange/kutt.csv"), "kutt.csv"),
        (include_str!("../data/exchange/bitly.csv"), "bitly.csv"),
        (include_str!("../data/exchange/bitly-dashboard.csv"), "bitly-dashboard.csv"),
    ];
    for (file, name) in files {
        let doors = Doors::open();
        let (new, existing, refused) = imported(&doors, file).await;
        assert!(new > 0, "{name}: {refused}");
        let again = imported(&doors, file).await;
        assert_eq!((again.0, again.1), (0, new + existing), "{name}: {}", again.2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_keeps_what_it_brought_and_conflicts_are_told_by_line() {
    let doors = Doors::open();
    let file = "code,domain,long_url,title,tags,created_at,expires_at,clicks\n\
        mine,bit.ly,https://example.com/a,\"Two\nlines\",x|y,2020-01-02T03:04:05Z,,41\n\
        mine,,https://example.com/other,,,,,\n\
        bad code,,https://example.com/b,,,,,\n\
        old,,https://example.com/c,,,,2021-01-01,\n\
        ,,https://example.com/d,,,,,\n\
        ,,https://example.com/d,,,,,\n\
        last,,javascript:alert(1),,,,,\n";
    let (new, existing, refused) = imported(&doors, file).await;
    let lines: Vec<u64> =
        refused.as_array().unwrap().iter().map(|row| row["line"].as_u64().unwrap()).collect();
    assert_eq!((new, existing, lines), (2, 1, vec![4, 5, 6, 9]), "{refused}");
    let link = doors.call("GET", "/shorturls/mine", "").await.json();
    assert_eq!((&link["longUrl"], &link["clicks"]), (&"https://example.com/a".into(), &41.into()));
    assert_eq!((&link["title"], &link["tags"][1]), (&"Two lines".into(), &"y".into()));
    assert_eq!(link["createdAt"], "2020-01-02T03:04:05Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_out_comes_in_again() {
    let doors = Doors::open();
    let rows: String = (0..1_203).map(|n| format!("c{n},https://example.com/{n},t{n}\n")).collect();
    assert_eq!(imported(&doors, &format!("code,long_url,title\n{rows}")).await.0, 1_203);
    for (format, media) in [("csv", "text/csv; charset=utf-8"), ("jsonl", "application/x-ndjson")] {
        let file = doors.call("GET", &format!("/export?format={format}"), "").await;
        assert_eq!(file.headers["content-type"], media);
        let other = Doors::open();
        assert_eq!(imported(&other, &file.text).await.0, 1_203, "{format}");
        let again = other.call("GET", &format!("/export?format={format}"), "").await;
        let sorted = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        assert_eq!(sorted(&file.text), sorted(&again.text), "{format}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn web_servers_get_what_they_can_answer() {
    let doors = Doors::open();
    for body in [
        r#"{"longUrl":"https://example.com/$a","alias":"plain"}"#,
        r#"{"longUrl":"https://example.com/b","alias":"secret","password":"p"}"#,
        r#"{"longUrl":"https://example.com/c","alias":"once","maxVisits":1}"#,
    ] {
        assert_eq!(doors.call("POST", "/shorturl", body).await.status, 201);
    }
    let nginx = doors.call("GET", "/export?format=nginx", "").await.text;
    assert_eq!(
        nginx,
        "# once is left out: its visits are limited\n\
         # secret is left out: it asks for a password\n\
         location = /plain { return 302 \"https://example.com/%24a\"; }\n"
    );
    let caddy = doors.call("GET", "/export?format=caddy", "").await.text;
    assert!(caddy.starts_with("map {path} {short_link_target} {\n# once"), "{caddy}");
    assert!(caddy.ends_with("redir @short_link {short_link_target} 302\n"), "{caddy}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_of_links_is_refused() {
    let doors = Doors::open();
    assert_eq!(import(&doors, "").await.status, 422);
    assert_eq!(import(&doors, "a,b\n1,2\n").await.status, 422);
    let large = Request::post("/import")
        .header("authorization", "Bearer dev")
        .header("content-length", (64 << 20) + 1)
        .body(Body::empty());
    assert_eq!(doors.send(large.unwrap()).await.status, 413);
    let anonymous = Request::post("/import").body(Body::empty()).unwrap();
    assert_eq!(doors.send(anonymous).await.status, 401);
    assert_eq!(doors.call("GET", "/export?format=xls", "").await.status, 400);
}
