//! Short links through the front door, on each engine: made once, changed by their makers, named by
//! aliases, hosts and namespaces.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::support::{Client, Launch, Server, at_once, on_each_engine};

const SAMPLE: &str = "https://en.wikipedia.org/wiki/Systems_design";

/// A token of its own for somebody who makes links.
fn token(server: &Server, scopes: &[&str]) -> String {
    let request = json!({ "name": "somebody", "scopes": scopes });
    let answer = server.client("dev").post("/platform/tokens", &request);
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.json()["secret"].as_str().unwrap().to_owned()
}

fn maker(server: &Server) -> Client {
    server.client(&token(server, &["shortener:read", "shortener:write"]))
}

fn leads_to(server: &Server, code: &str) -> String {
    let answer = server.visitor().get(&format!("/{code}"));
    assert_eq!(answer.status, 302, "{answer:?}");
    answer.header("location").to_owned()
}

#[test]
fn the_next_number_gives_the_code_of_the_requirement() {
    on_each_engine(|engine| {
        let launch = engine.dev().set("shortener.first_number=2009215674938");
        let server = launch.set("shortener.obfuscate=false").start();
        let mut client = server.client("dev");
        let answer = client.post("/shortener/api/v1/data/shorten", &json!({ "longUrl": SAMPLE }));
        let link = answer.json();
        assert_eq!((answer.status, link["code"].as_str()), (201, Some("zn9edcu")));
        assert_eq!(link["shortURL"], format!("{}/zn9edcu", server.url()));
        assert_eq!(link["longUrl"], SAMPLE);
        assert_eq!(leads_to(&server, "zn9edcu"), SAMPLE);
        assert_eq!(server.visitor().get("/Zn9edcu").status, 404, "codes are case-sensitive");
        for path in ["/shortener/api/v1/zn9edcu", "/shortener/shorturls/zn9edcu"] {
            assert_eq!(client.get(path).json()["longUrl"], SAMPLE, "{path}");
        }
    });
}

#[test]
fn one_long_url_has_one_code_whoever_asks() {
    on_each_engine(|engine| {
        let server = engine.dev().start();
        let makers = [token(&server, &["shortener:write"]), token(&server, &["shortener:write"])];
        let answers: Vec<(u16, String)> = at_once(100, |asker| {
            let mut client = server.client(&makers[asker % 2]);
            let answer = client.post("/shortener/shorturl", &json!({ "longUrl": SAMPLE }));
            (answer.status, answer.json()["code"].as_str().unwrap().to_owned())
        });
        let codes: HashSet<_> = answers.iter().map(|(_, code)| code).collect();
        assert_eq!(codes.len(), 1, "{codes:?}");
        assert_eq!(answers.iter().filter(|(status, _)| *status == 201).count(), 1);
        assert!(answers.iter().all(|(status, _)| matches!(status, 200 | 201)));
        let all = server.client("dev").get("/shortener/users/me/shorturls").json();
        assert_eq!(all["items"].as_array().unwrap().len(), 1, "{all}");
    });
}

#[test]
fn one_alias_wanted_by_many_is_given_to_one() {
    on_each_engine(|engine| {
        let server = engine.dev().start();
        let answers = at_once(20, |asker| {
            let target = format!("https://example.com/{asker}");
            let request = json!({ "longUrl": target, "alias": "wanted" });
            (server.client("dev").post("/shortener/shorturl", &request).status, asker)
        });
        let winners: Vec<_> = answers.iter().filter(|(status, _)| *status == 201).collect();
        let losers = answers.iter().filter(|(status, _)| *status == 409).count();
        assert_eq!((winners.len(), losers), (1, 19), "{answers:?}");
        let target = format!("https://example.com/{}", winners[0].1);
        assert_eq!(leads_to(&server, "wanted"), target);
    });
}

#[test]
fn a_generated_code_never_takes_an_alias_or_a_path_of_the_house() {
    on_each_engine(|engine| {
        // In base 62: "healthy" to "healti0"; "healthz" is a path of the house.
        let launch = engine.dev().set("shortener.first_number=978582745388");
        let server = launch.set("shortener.obfuscate=false").start();
        let mut client = server.client("dev");
        let code = |client: &mut Client, path: &str| {
            client.shorten(&json!({ "longUrl": format!("https://example.com/{path}") }))
        };
        assert_eq!(code(&mut client, "1"), "healthy");
        client.shorten(&json!({ "longUrl": SAMPLE, "alias": "healthA" }));
        let following = [code(&mut client, "2"), code(&mut client, "3")];
        assert!(!following.contains(&"healthz".to_owned()), "{following:?}");
        assert!(!following.contains(&"healthA".to_owned()), "{following:?}");
        assert_eq!(leads_to(&server, &following[0]), "https://example.com/2");
        assert_eq!(leads_to(&server, "healthA"), SAMPLE);
    });
}

#[test]
fn paths_of_the_house_are_no_aliases() {
    let server = Launch::dev().start();
    let mut client = server.client("dev");
    let document = client.get("/openapi.json").json();
    let paths = document["paths"].as_object().unwrap().keys();
    let first = paths.filter_map(|path| path.split('/').nth(1)).map(str::to_owned);
    let own = ["shorturl", "shorturls", "domains", "blocklist", "users", "API", "docs", "static"];
    let words: HashSet<String> = first.chain(own.map(str::to_owned)).collect();
    assert!(words.len() > 10, "{words:?}");
    for word in words {
        let request = json!({ "longUrl": SAMPLE, "alias": word });
        let answer = client.post("/shortener/shorturl", &request);
        answer.is_problem(400, "alias");
    }
}

#[test]
fn changes_and_deletions_hold_from_the_next_request_on() {
    on_each_engine(|engine| {
        let server = engine.dev().start();
        let (mut owner, mut stranger) = (maker(&server), maker(&server));
        let code = owner.shorten(&json!({ "longUrl": SAMPLE, "private": true }));
        let path = format!("/shortener/shorturls/{code}");
        for round in 0..50 {
            // Asked for in between, so that an old answer would be in the cache.
            leads_to(&server, &code);
            let target = format!("https://example.com/{round}");
            assert_eq!(owner.put(&path, &json!({ "longUrl": target })).status, 200);
            assert_eq!(leads_to(&server, &code), target);
        }
        stranger.put(&path, &json!({ "title": "mine" })).is_problem(403, "not-creator");
        stranger.send("DELETE", &path, "").is_problem(403, "not-creator");
        stranger.get(&format!("{path}/stats")).is_problem(403, "not-creator");
        assert_eq!(leads_to(&server, &code), "https://example.com/49");
        assert_eq!(owner.send("DELETE", &path, "").status, 204);
        server.visitor().get(&format!("/{code}")).is_problem(410, "link-gone");
        owner.get(&path).is_problem(410, "link-gone");
        let again = owner.shorten(&json!({ "longUrl": SAMPLE, "private": true }));
        assert_ne!(again, code, "a deleted code was given out again");
    });
}

#[test]
fn an_edit_never_changes_the_link_of_somebody_else() {
    on_each_engine(|engine| {
        let server = engine.dev().start();
        let (mut first, mut second) = (maker(&server), maker(&server));
        let code = first.shorten(&json!({ "longUrl": SAMPLE }));
        assert_eq!(second.shorten(&json!({ "longUrl": SAMPLE })), code);
        let path = format!("/shortener/shorturls/{code}");
        let change = json!({ "longUrl": "https://example.com/elsewhere" });
        first.put(&path, &change).is_problem(409, "shared-link");
        assert_eq!(leads_to(&server, &code), SAMPLE);
        assert_eq!(first.send("DELETE", &path, "").status, 204);
        assert_eq!(leads_to(&server, &code), SAMPLE, "the second caller's link went");
    });
}

#[test]
fn immutable_links_stay_as_they_are() {
    let server = Launch::dev().set("shortener.immutable=true").start();
    let mut client = server.client("dev");
    let code = client.shorten(&json!({ "longUrl": SAMPLE }));
    let path = format!("/shortener/shorturls/{code}");
    client.put(&path, &json!({ "title": "x" })).is_problem(403, "immutable");
    client.send("DELETE", &path, "").is_problem(403, "immutable");
}

#[test]
fn mistakes_are_told_apart() {
    on_each_engine(|engine| {
        let server = engine.dev().set("shortener.creates_per_minute=30").start();
        let mut client = server.client("dev");
        server.visitor().get("/nothere").is_problem(404, "no-such-link");
        client.get("/shortener/shorturls/nothere").is_problem(404, "no-such-link");
        for bad in [
            "",
            " ",
            "example.com",
            "ftp://example.com/",
            "javascript:alert(1)",
            "data:,x",
            "http://",
            "https://exa mple.com/",
            "http://127.0.0.1/",
            "http://192.168.0.1/",
            "https://user@/",
            "https://e.com/\r\nset-cookie: a=b",
        ] {
            let answer = client.post("/shortener/shorturl", &json!({ "longUrl": bad }));
            assert_eq!(answer.status, 400, "{bad:?}: {answer:?}");
        }
        let long = format!("https://example.com/{}", "x".repeat(2_048));
        client.post("/shortener/shorturl", &json!({ "longUrl": long })).is_problem(400, "long-url");
        let own = json!({ "longUrl": format!("{}/abc", server.url()) });
        assert_eq!(client.post("/shortener/shorturl", &own).status, 400, "a loop was made");
        for (body, status) in [
            ("{", 400),
            ("[]", 422),
            ("{\"longUrl\":7}", 422),
            ("{}", 422),
            ("{\"longUrl\":\"https://e.com/\",\"colour\":\"red\"}", 422),
        ] {
            let answer = client.send("POST", "/shortener/shorturl", body);
            assert!(matches!(answer.status, 400 | 422), "{body}: {answer:?}");
            assert_eq!(answer.status, status, "{body}: {}", answer.text());
        }
        limited(&mut client);
    });
}

fn limited(client: &mut Client) {
    let create = |client: &mut Client, number: u32| {
        let target = format!("https://example.com/limited/{number}");
        client.post("/shortener/shorturl", &json!({ "longUrl": target }))
    };
    let answers: Vec<_> = (0..40).map(|number| create(client, number)).collect();
    let refused = answers.iter().find(|answer| answer.status == 429);
    let refused = refused.unwrap_or_else(|| panic!("nobody was limited"));
    refused.is_problem(429, "too-many-requests");
    let seconds: u32 = refused.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
}

#[test]
fn the_next_code_cannot_be_told_from_those_before() {
    let server = Launch::dev().start();
    let mut client = server.client("dev");
    let codes: Vec<String> = (0..200)
        .map(|n| client.shorten(&json!({ "longUrl": format!("https://example.com/{n}") })))
        .collect();
    assert_eq!(codes.iter().collect::<HashSet<_>>().len(), codes.len());
    assert!(codes.iter().all(|code| code.len() <= 7), "{codes:?}");
    let value = |code: &String| {
        code.bytes().fold(0_i64, |value, byte| {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'z' => byte - b'a' + 10,
                _ => byte - b'A' + 36,
            };
            value * 62 + i64::from(digit)
        })
    };
    let steps: HashSet<i64> =
        codes.windows(2).map(|pair| value(&pair[1]) - value(&pair[0])).collect();
    assert_eq!(steps.len(), codes.len() - 1, "a step occurs twice");
    let rising = codes.windows(2).filter(|pair| value(&pair[1]) > value(&pair[0])).count();
    // Of 199 fair coins; ten standard deviations to either side.
    assert!((30..=170).contains(&rising), "{rising} of 199 steps go up");
    let other = Launch::dev().start();
    let first = other.client("dev").shorten(&json!({ "longUrl": "https://example.com/0" }));
    assert_ne!(first, codes[0], "two houses count alike");
}

#[test]
fn a_branded_domain_has_codes_of_its_own() {
    on_each_engine(|engine| {
        let server = engine.dev().start();
        let mut client = server.client("dev");
        let brand = json!({ "host": "go.example.com" });
        let request = json!({ "longUrl": SAMPLE, "alias": "sale", "domain": "go.example.com" });
        client.post("/shortener/shorturl", &request).is_problem(400, "unknown-domain");
        assert_eq!(client.post("/shortener/domains", &brand).status, 201);
        assert_eq!(client.post("/shortener/domains", &brand).status, 200);
        let link = client.post("/shortener/shorturl", &request).json();
        assert_eq!(link["shortURL"], "http://go.example.com/sale", "{link}");
        let other = json!({ "longUrl": "https://example.com/own", "alias": "sale" });
        client.shorten(&other);
        let at =
            |host: &str| server.visitor().host(host).get("/sale").header("location").to_owned();
        assert_eq!(at("go.example.com"), SAMPLE);
        assert_eq!(at("Go.Example.com:443"), SAMPLE);
        assert_eq!(at("elsewhere.example.com"), "https://example.com/own");
        let path = "/shortener/shorturls/sale?domain=go.example.com";
        assert_eq!(client.send("DELETE", path, "").status, 204);
        let gone = server.visitor().host("go.example.com").get("/sale");
        assert_eq!(gone.status, 410, "{gone:?}");
        assert_eq!(at("elsewhere.example.com"), "https://example.com/own");
    });
}

#[test]
fn namespaces_do_not_see_each_other() {
    on_each_engine(|engine| {
        let server = engine.dev().start();
        let targets = ["https://example.com/a", "https://example.com/b"];
        for (name, target) in ["team-a", "team-b"].iter().zip(targets) {
            let mut client = server.client(&format!("dev-{name}"));
            client.shorten(&json!({ "longUrl": target, "alias": "here" }));
            client.shorten(&json!({ "longUrl": target, "alias": format!("only-{name}") }));
        }
        for (name, target) in ["team-a", "team-b"].iter().zip(targets) {
            let mut visitor = server.visitor().host(&format!("{name}.localhost:80"));
            assert_eq!(visitor.get("/here").header("location"), target);
        }
        assert_eq!(server.visitor().get("/here").status, 404, "default has it too");
        let mut first = server.client("dev-team-a");
        assert_eq!(first.get("/shortener/shorturls/only-team-b").status, 404);
        let list = first.get("/shortener/users/me/shorturls").json();
        let codes: Vec<&Value> =
            list["items"].as_array().unwrap().iter().map(|link| &link["code"]).collect();
        assert_eq!(codes, ["only-team-a", "here"]);
    });
}
