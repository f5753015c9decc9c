//! Rate limits in the house: the edge's own, addresses in the ready file, rules in a fork.

use serde_json::json;

use crate::support::{Launch, Server, eventually};

const RULES: &str = "\
domain: edge
descriptors:
  - key: remote_address
    descriptors:
      - key: path
        value: /shortener/*
        rate_limit: {unit: day, requests_per_unit: 4, name: api}
  - key: tier
    rate_limit: {unit: day, requests_per_unit: 20, name: all}
";

fn limited() -> Server {
    let launch = Launch::dev().set("limiter.edge_domain=edge");
    launch.set("limiter.edge_descriptors=[[\"remote_address\",\"path\"],[\"tier=free\"]]").start()
}

/// The edge obeys its own rules: on routes, on redirects that are answered at once, and once a
/// request wherever it goes.
#[test]
fn the_edge_obeys_its_rules() {
    let server = limited();
    let mut client = server.client("dev");
    let code = client.shorten(&json!({ "longUrl": "https://example.com/" }));
    let path = format!("/{code}");
    assert_eq!(server.visitor().get(&path).status, 302);
    let put = client.send("PUT", "/limiter/rules/edge.yaml", RULES);
    assert_eq!(put.status, 204, "{put:?}");
    let list = "/shortener/users/me/shorturls";
    for left in ["3", "2", "1", "0"] {
        let answer = client.get(list);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.header("x-ratelimit-remaining"), left);
    }
    let refused = client.get(list);
    assert_eq!((refused.status, refused.header("x-ratelimit-limit")), (429, "4"));
    assert_eq!(refused.header("content-type"), "application/problem+json");
    // 20 for everything, of which four are used up and the refused one is not.
    let mut visitor = server.visitor();
    for left in (0..16).rev() {
        let answer = visitor.get(&path);
        assert_eq!(answer.status, 302, "{answer:?}");
        assert_eq!(answer.header("x-ratelimit-remaining"), left.to_string());
    }
    assert_eq!(visitor.get(&path).status, 429);
    assert_eq!(visitor.get("/healthz").status, 429);
}

/// Each rule's decisions are in the server's metrics, by the place that the file gives it.
#[test]
fn what_each_rule_decided_is_in_the_metrics() {
    let server = Launch::dev().start();
    let mut client = server.client("dev");
    let rules = "domain: d\ndescriptors:\n\
                 \x20 - {key: k, rate_limit: {unit: day, requests_per_unit: 2}}\n\
                 \x20 - {key: s, rate_limit: {unit: day, requests_per_unit: 1, \
                 shadow_mode: true}}\n\
                 \x20 - {key: unused, rate_limit: {unit: day, requests_per_unit: 1}}\n";
    let put = client.send("PUT", "/limiter/rules/d.yaml", rules);
    assert_eq!(put.status, 204, "{put:?}");
    for (key, status) in [("k", 200), ("k", 200), ("k", 429), ("s", 200), ("s", 200)] {
        // Callers come and go; they are no labels.
        let entry = json!({ "key": key, "value": "198.51.100.7" });
        let asked = json!({ "domain": "d", "descriptors": [{ "entries": [entry] }] });
        assert_eq!(client.post("/limiter/decide", &asked).status, status);
    }
    let text = client.get("/metrics").text();
    let line = |place: &str, outcome: &str, count: u32| {
        let labels = format!("rule=\"d:/{place}\",outcome=\"{outcome}\"");
        format!("backplane_limiter_rule_hits_total{{{labels}}} {count}")
    };
    for (place, outcome, count) in
        [("k", "allowed", 2), ("k", "denied", 1), ("s", "allowed", 1), ("s", "shadow_denied", 1)]
    {
        let line = line(place, outcome, count);
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    let shown = text.lines().filter(|line| line.starts_with("backplane_limiter_rule_hits_total"));
    assert_eq!(shown.count(), 4);
    assert!(!text.contains("198.51.100.7"));
}

#[test]
fn its_doors_are_in_the_ready_file_and_rules_go_with_a_fork() {
    let server = Launch::dev().start();
    let doors = &server.ready["systems"]["limiter"];
    assert_eq!(doors["http"], format!("{}/limiter", server.url()));
    for door in ["grpc", "resp"] {
        let address = doors[door].as_str().unwrap();
        assert!(address.parse::<std::net::SocketAddr>().is_ok(), "{address}");
    }
    let mut client = server.client("dev");
    let rules = "domain: d\ndescriptors:\n  - key: k\n    \
                 rate_limit: {unit: day, requests_per_unit: 1}\n";
    assert_eq!(client.send("PUT", "/limiter/rules/a.yaml", rules).status, 204);
    let fork = json!({ "to": "copy" }).to_string();
    let forked = client.send("POST", "/platform/namespaces/default/fork", &fork);
    assert!(forked.status < 300, "{forked:?}");
    let mut copy = server.client("dev-copy");
    let files = || copy_files(&mut copy);
    let found = eventually("the fork has the rules", files);
    assert_eq!(found, json!(["a.yaml"]));
    assert_eq!(client.send("DELETE", "/limiter/rules/a.yaml", "").status, 204);
    assert_eq!(copy_files(&mut server.client("dev-copy")), Some(json!(["a.yaml"])));
}

fn copy_files(client: &mut crate::support::Client) -> Option<serde_json::Value> {
    let rules = client.get("/limiter/rules").json();
    Some(rules["files"].clone()).filter(|files| !files.as_array().unwrap().is_empty())
}
