//! What visitors of short links get, and what is counted of them, on each engine.

use serde_json::{Value, json};

use crate::support::{Answer, Client, Launch, Server, at_once, eventually, on_each_engine};

const COUNTED: &str = "max-age=0, no-cache, private";

fn stats(client: &mut Client, code: &str, query: &str) -> Value {
    client.get(&format!("/shortener/shorturls/{code}/stats{query}")).json()
}

fn stats_of(client: &mut Client, code: &str, visits: u64, query: &str) -> Value {
    eventually("all visits are counted", || {
        let stats = stats(client, code, query);
        let total = stats["total"].as_u64().unwrap();
        assert!(total <= visits, "{visits} visits, {stats}");
        (total == visits).then_some(stats)
    })
}

#[test]
fn the_target_is_sent_byte_for_byte() {
    on_each_engine(|engine| {
        let server = engine.dev().start();
        let mut client = server.client("dev");
        let mut visitor = server.visitor();
        for target in [
            "https://example.com",
            "https://example.com/a%20b%2Fc?q=%C3%A4&q=b+c&empty=&=x#frag%20ment",
            "https://EXAMPLE.com:443/./a/../b?x=1&amp;y=2",
            "https://example.com/?next=https%3A%2F%2Fother.example%2F%3Fa%3Db",
            "http://xn--bcher-kva.example/%E4%B8%AD",
        ] {
            for status in [301, 302, 307, 308] {
                let request = json!({ "longUrl": target, "redirect": status, "private": true });
                let code = client.shorten(&request);
                let path = format!("/{code}");
                // The first answer is read from the store, the second from the cache.
                for answer in [visitor.get(&path), visitor.get(&path)] {
                    redirects(&answer, status, target);
                }
                let head = visitor.send("HEAD", &path, "");
                redirects(&head, status, target);
            }
        }
    });
}

fn redirects(answer: &Answer, status: u16, target: &str) {
    assert_eq!((answer.status, answer.header("location")), (status, target), "{answer:?}");
    assert_eq!(answer.header("cache-control"), COUNTED);
    assert_eq!(answer.header("content-type"), "text/html; charset=UTF-8");
    assert!(answer.body.is_empty());
}

#[test]
fn permanent_redirects_may_be_kept_where_that_is_wanted() {
    let launch = Launch::dev().set("shortener.redirect=301");
    let server = launch.set("shortener.cache_permanent_redirects=true").start();
    let code = server.client("dev").shorten(&json!({ "longUrl": "https://example.com/" }));
    let answer = server.visitor().get(&format!("/{code}"));
    assert_eq!(answer.status, 301);
    assert_eq!(answer.header("cache-control"), "public, max-age=86400");
    let found = json!({ "longUrl": "https://example.com/", "redirect": 302 });
    let code = server.client("dev").shorten(&found);
    assert_eq!(server.visitor().get(&format!("/{code}")).header("cache-control"), COUNTED);
}

#[test]
fn a_query_is_passed_on_where_that_is_wanted() {
    let server = Launch::dev().start();
    let mut client = server.client("dev");
    let target = "https://example.com/?a=1#top";
    let with = client.shorten(&json!({ "longUrl": target, "forwardQuery": true }));
    let without = client.shorten(&json!({ "longUrl": target, "private": true }));
    for _ in 0..2 {
        let location = |code: &str| {
            let answer = server.visitor().get(&format!("/{code}?utm=x%20y&z"));
            answer.header("location").to_owned()
        };
        assert_eq!(location(&with), "https://example.com/?a=1&utm=x%20y&z#top");
        assert_eq!(location(&without), target);
    }
}

#[test]
fn every_visit_is_counted_with_where_it_came_from() {
    const VISITS: u64 = 60;
    on_each_engine(|engine| {
        let server = engine.dev().start();
        let mut client = server.client("dev");
        let code = client.shorten(&json!({ "longUrl": "https://example.com/counted" }));
        let browser = "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0";
        std::thread::scope(|scope| {
            for part in 0..4 {
                let visitor = server.visitor().header("user-agent", browser);
                let mut visitor = match part {
                    0 | 1 => visitor.header("referer", "https://news.example.org/a?b=c"),
                    2 => visitor.header("referer", "https://other.example.net/"),
                    _ => visitor,
                };
                let path = format!("/{code}{}", if part == 3 { "?qr=1" } else { "" });
                scope.spawn(move || {
                    for _ in 0..VISITS / 4 {
                        assert_eq!(visitor.get(&path).status, 302);
                    }
                });
            }
        });
        let mut bot = server.visitor().header("user-agent", "Googlebot/2.1");
        for _ in 0..5 {
            assert_eq!(bot.get(&format!("/{code}")).status, 302);
        }
        server.visitor().send("HEAD", &format!("/{code}"), "");
        let stats = stats_of(&mut client, &code, VISITS + 5, "?bucket=hour");
        told_apart(&stats, VISITS);
        let sum: u64 = stats["buckets"]
            .as_array()
            .unwrap()
            .iter()
            .map(|bucket| bucket["people"].as_u64().unwrap())
            .sum();
        assert_eq!(sum, VISITS, "{stats}");
        let past = "?from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z";
        assert_eq!(self::stats(&mut client, &code, past)["total"], 0);
        let visits = client.get(&format!("/shortener/shorturls/{code}/visits?limit=500")).json();
        assert_eq!(visits["items"].as_array().unwrap().len() as u64, VISITS + 5);
    });
}

fn told_apart(stats: &Value, visits: u64) {
    assert_eq!((&stats["people"], &stats["bots"]), (&json!(visits), &json!(5)), "{stats}");
    assert_eq!(stats["scans"], visits / 4, "{stats}");
    let clicks = |facet: &str, value: &str| {
        let counts = stats[facet].as_array().unwrap();
        let count = counts.iter().find(|count| count["value"] == value);
        count.map_or(0, |count| count["clicks"].as_u64().unwrap())
    };
    assert_eq!(clicks("referrers", "news.example.org"), visits / 2, "{stats}");
    assert_eq!(clicks("referrers", "other.example.net"), visits / 4, "{stats}");
    assert_eq!(clicks("browsers", "Firefox"), visits, "{stats}");
}

#[test]
fn a_one_time_link_lets_one_of_many_through() {
    on_each_engine(|engine| {
        let server = engine.dev().start();
        let mut client = server.client("dev");
        for (allowed, visitors) in [(1, 50), (7, 50)] {
            let request = json!({ "longUrl": "https://example.com/once", "maxVisits": allowed });
            let code = client.shorten(&request);
            let statuses = at_once(visitors, |_| server.visitor().get(&format!("/{code}")).status);
            let through = statuses.iter().filter(|status| **status == 302).count();
            assert_eq!(through, allowed, "{statuses:?}");
            assert!(statuses.iter().all(|status| matches!(status, 302 | 410)), "{statuses:?}");
        }
    });
}

#[test]
fn a_password_guards_the_target() {
    on_each_engine(|engine| {
        let server = engine.dev().start();
        let secret = "https://example.com/secret";
        let request = json!({ "longUrl": secret, "password": "open sesame" });
        let code = server.client("dev").shorten(&request);
        let path = format!("/{code}");
        let form = server.visitor().get(&path);
        assert_eq!(form.status, 200);
        assert!(form.text().contains("<form") && !form.text().contains(secret), "{form:?}");
        let submit = |password: &str| {
            let kind = "application/x-www-form-urlencoded";
            let mut visitor = server.visitor().header("content-type", kind);
            visitor.send("POST", &path, &format!("password={password}"))
        };
        let wrong = submit("open+barley");
        assert_eq!((wrong.status, wrong.header("location")), (403, ""));
        let right = submit("open+sesame");
        assert_eq!((right.status, right.header("location")), (303, secret));
        let told = server.visitor().get(&format!("/shortener/shorturls/{code}"));
        assert!(!told.text().contains("secret"), "{}", told.text());
        assert!(!told.text().contains("argon2"), "{}", told.text());
    });
}

#[test]
fn a_link_answers_from_its_beginning_to_its_end() {
    on_each_engine(|engine| {
        let server = engine.dev().start();
        let mut client = server.client("dev");
        let link = |client: &mut Client, field: &str, time: &str| {
            client.shorten(&json!({ "longUrl": "https://example.com/", field: time }))
        };
        let (past, future) = ("2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z");
        let ended = link(&mut client, "expires", past);
        let running = link(&mut client, "expires", future);
        let begun = link(&mut client, "validFrom", past);
        let waiting = link(&mut client, "validFrom", future);
        let visit = |code: &str| server.visitor().get(&format!("/{code}"));
        visit(&ended).is_problem(410, "link-gone");
        visit(&waiting).is_problem(404, "link-not-yet");
        assert_eq!([visit(&running).status, visit(&begun).status], [302, 302]);
        let path = format!("/shortener/shorturls/{running}");
        assert_eq!(client.put(&path, &json!({ "expires": past })).status, 200);
        visit(&running).is_problem(410, "link-gone");
        assert_eq!(client.put(&path, &json!({ "expires": null })).status, 200);
        assert_eq!(visit(&running).status, 302);
    });
}

#[test]
fn a_blocked_host_stops_its_links_at_once() {
    let server = Launch::dev().start();
    let mut client = server.client("dev");
    let code = client.shorten(&json!({ "longUrl": "https://bad.example.com/" }));
    let visit = |server: &Server| server.visitor().get(&format!("/{code}"));
    assert_eq!(visit(&server).status, 302);
    let host = json!({ "host": "bad.example.com" });
    assert_eq!(client.post("/shortener/blocklist", &host).status, 201);
    visit(&server).is_problem(410, "link-gone");
    let again = json!({ "longUrl": "https://sub.bad.example.com/" });
    client.post("/shortener/shorturl", &again).is_problem(400, "long-url");
    assert_eq!(client.send("DELETE", "/shortener/blocklist/bad.example.com", "").status, 204);
    assert_eq!(visit(&server).status, 302);
}

#[test]
fn people_get_a_page_and_programs_a_document() {
    let server = Launch::dev().start();
    server.visitor().get("/nothere").is_problem(404, "no-such-link");
    let page = server.visitor().header("accept", "text/html,*/*").get("/nothere");
    assert_eq!(page.status, 404);
    assert!(page.header("content-type").starts_with("text/html"), "{page:?}");
    assert!(page.text().contains("<h1"), "{page:?}");
    let refused = server.visitor().send("DELETE", "/nothere", "");
    assert_eq!((refused.status, refused.header("allow")), (405, "GET, HEAD, POST"));
}
