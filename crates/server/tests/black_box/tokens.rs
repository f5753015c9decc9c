//! Who may call what: every operation of the API without a credential, with too small a one, and
//! with one that was revoked; and what of a secret is ever written down.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Client, Launch, Server};

/// Operations that everybody may call.
const OPEN: &[&str] = &["/healthz", "/readyz", "/metrics", "/platform/session", "/platform/login"];

/// Those of OAuth ask by rules and in words of their own; they have a suite of their own.
const OAUTH: &[&str] = &["/oauth/", "/.well-known/"];

/// Operations on the caller's own credentials, which need no scope of their own: a token that is
/// made by them has at most the maker's.
const OWN: &[&str] = &["/platform/logout", "/platform/tokens", "/platform/tokens/anything"];

fn token(operator: &mut Client, scopes: &[&str]) -> (String, String) {
    let request = json!({ "name": "of a test", "scopes": scopes });
    let answer = operator.post("/platform/tokens", &request);
    assert_eq!(answer.status, 201, "{answer:?}");
    let token = answer.json();
    let text = |key: &str| token[key].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

/// Method and path of each guarded operation, with a value in place of each parameter.
fn guarded(server: &Server) -> Vec<(String, String)> {
    let document = server.visitor().get("/openapi.json").json();
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let is_oauth = OAUTH.iter().any(|prefix| path.starts_with(prefix));
            if operation.is_object() && !is_oauth && !OPEN.contains(&path.as_str()) {
                operations.push((method.to_uppercase(), filled(path)));
            }
        }
    }
    assert!(operations.len() > 20, "{operations:?}");
    operations
}

fn filled(path: &str) -> String {
    let segments = path.split('/').map(|segment| match segment.starts_with('{') {
        true => "anything",
        false => segment,
    });
    segments.collect::<Vec<_>>().join("/")
}

/// A body that each operation reads as far as it must, to come to the question of who asks.
fn body_of(method: &str, path: &str) -> String {
    if matches!(method, "GET" | "DELETE") {
        return String::new();
    }
    let body = match path {
        "/platform/backup" => json!({ "to": "/nowhere/copy" }),
        "/platform/namespaces" => json!({ "name": "anything" }),
        "/platform/tokens" => json!({ "name": "anything", "scopes": ["shortener:read"] }),
        "/platform/oauth/clients" => json!({
            "name": "a", "grants": ["client_credentials"], "scopes": ["shortener:read"],
        }),
        "/platform/users" => json!({ "name": "a", "password": "12345678", "roles": ["reader"] }),
        "/platform/users/anything" => json!({ "disabled": true }),
        path if path.ends_with("/fork") => json!({ "to": "copy" }),
        path if path.ends_with("/domains") || path.ends_with("/blocklist") => {
            json!({ "host": "example.com" })
        }
        "/limiter/deferred/claim" => json!({}),
        path if path.starts_with("/limiter/rules") => return String::new(),
        path if path.starts_with("/limiter") => {
            json!({ "domain": "d", "descriptors": [{ "entries": [{ "key": "k" }] }] })
        }
        path if path.starts_with("/shortener/shorturls/") => json!({ "title": "anything" }),
        path if path.starts_with("/shortener") => json!({ "longUrl": "https://example.com/" }),
        _ => return String::new(),
    };
    body.to_string()
}

#[test]
fn every_operation_asks_who_it_is_and_what_they_may() {
    let data = tempfile::tempdir().unwrap();
    let server = Launch::serve(data.path()).start();
    let mut operator = server.client(&server.operator_token());
    // A scope of the wrong system for each: it is valid and allows nothing of the other.
    let (_, of_links) = token(&mut operator, &["shortener:read"]);
    let (_, of_house) = token(&mut operator, &["platform:read"]);
    let forged = format!("{}x", &of_links[..of_links.len() - 1]);
    assert_ne!(forged, of_links);
    for (method, path) in guarded(&server) {
        let body = body_of(&method, &path);
        let ask = |mut client: Client| client.send(&method, &path, &body);
        let nobody = ask(server.visitor());
        assert_eq!(nobody.status, 401, "{method} {path}: {nobody:?}");
        assert_eq!(nobody.header("www-authenticate"), "Bearer");
        assert_eq!(ask(server.client(&forged)).status, 401, "{method} {path}");
        assert_eq!(ask(server.client("dev")).status, 401, "{method} {path}");
        let other = if path.starts_with("/shortener") { &of_house } else { &of_links };
        let answer = ask(server.client(other));
        let is_own = OWN.contains(&path.as_str());
        assert!(answer.status == 403 || is_own, "{method} {path}: {answer:?} {}", answer.text());
    }
}

#[test]
fn a_reader_changes_nothing() {
    let data = tempfile::tempdir().unwrap();
    let server = Launch::serve(data.path()).start();
    let mut operator = server.client(&server.operator_token());
    let link = json!({ "longUrl": "https://example.com/", "alias": "anything" });
    assert_eq!(operator.post("/shortener/shorturl", &link).status, 201);
    let (_, reader) = token(&mut operator, &["shortener:read", "platform:read"]);
    for (method, path) in guarded(&server) {
        if method == "GET" || OWN.contains(&path.as_str()) {
            continue;
        }
        let answer = server.client(&reader).send(&method, &path, &body_of(&method, &path));
        assert_eq!(answer.status, 403, "{method} {path}: {answer:?} {}", answer.text());
    }
    assert_eq!(server.visitor().get("/anything").status, 302);
    assert_eq!(server.client(&reader).get("/shortener/shorturls/anything").status, 200);
}

#[test]
fn nobody_makes_a_token_stronger_than_their_own() {
    let data = tempfile::tempdir().unwrap();
    let server = Launch::serve(data.path()).start();
    let mut operator = server.client(&server.operator_token());
    let (_, weak) = token(&mut operator, &["platform:read", "shortener:write"]);
    let request = json!({ "name": "stronger", "scopes": ["platform:admin"] });
    assert_eq!(server.client(&weak).post("/platform/tokens", &request).status, 403);
    let elsewhere = json!({ "name": "x", "scopes": ["shortener:write"], "namespace": "other" });
    assert_eq!(server.client(&weak).post("/platform/tokens", &elsewhere).status, 403);
}

#[test]
fn a_revoked_token_is_refused_at_once() {
    let data = tempfile::tempdir().unwrap();
    let server = Launch::serve(data.path()).start();
    let operator_token = server.operator_token();
    let mut operator = server.client(&operator_token);
    for round in 0..10 {
        let (id, secret) = token(&mut operator, &["shortener:write", "shortener:read"]);
        let mut client = server.client(&secret);
        let list = "/shortener/users/me/shorturls";
        // Known by now, so that an answer from memory would let it in.
        assert_eq!([client.get(list).status, client.get(list).status], [200, 200]);
        if round % 2 == 0 {
            server.command(&["token", "revoke", &id], &operator_token);
        } else {
            let answer = operator.send("DELETE", &format!("/platform/tokens/{id}"), "");
            assert_eq!(answer.status, 204);
        }
        assert_eq!(client.get(list).status, 401, "still let in");
    }
    server.stop();
    let again = Launch::serve(data.path()).start();
    assert_eq!(again.client(&operator_token).get("/platform/tokens").status, 200);
    assert_eq!(again.first_token(), None, "a second operator's token was shown");
}

#[test]
fn a_token_made_by_the_command_line_works_and_is_listed() {
    let server = Launch::dev().start();
    let new = ["token", "new", "ci", "--scope", "shortener:write", "--namespace", "default"];
    let secret = server.command(&new, "dev");
    let code = server.client(secret.trim()).shorten(&json!({ "longUrl": "https://example.com/" }));
    assert_eq!(server.visitor().get(&format!("/{code}")).status, 302);
    let list = server.command(&["token", "list"], "dev");
    assert!(list.contains("shortener:write") && list.contains("ci"), "{list}");
    assert!(!list.contains(secret.trim()), "the list shows the secret");
}

#[test]
fn no_secret_is_written_down() {
    let dir = tempfile::tempdir().unwrap();
    let (data, log) = (dir.path().join("data"), dir.path().join("log.json"));
    let server = Launch::serve(&data)
        .set("telemetry.log_levels=trace")
        .set(&format!("telemetry.log_file={}", log.display()))
        .start();
    let operator_token = server.operator_token();
    let mut operator = server.client(&operator_token);
    let (_, secret) = token(&mut operator, &["shortener:write"]);
    let password = "correct-horse-battery-staple";
    let link = json!({ "longUrl": "https://example.com/", "alias": "a", "password": password });
    server.client(&secret).shorten(&link);
    let form = "application/x-www-form-urlencoded";
    let mut visitor = server.visitor().header("content-type", form);
    assert_eq!(visitor.send("POST", "/a", &format!("password={password}")).status, 303);
    let login = json!({ "user": "somebody", "password": password });
    assert_eq!(server.visitor().post("/platform/login", &login).status, 401);
    let mut basic = server.visitor().header("authorization", "Basic c29tZWJvZHk6b3Blbi1zZXNhbWU=");
    assert_eq!(basic.get("/platform/tokens").status, 401);
    let id = operator.get("/platform/tokens").header("x-request-id").to_owned();
    // Opened while it is there: it goes with the server.
    let stderr = fs::File::open(server.beside("stderr")).unwrap();
    server.stop();
    let log = fs::read_to_string(&log).unwrap();
    assert!(log.contains(&id), "requests are not logged at this level, so nothing is shown");
    let stderr = std::io::read_to_string(stderr).unwrap();
    for secret in [&operator_token, &secret, password, "c29tZWJvZHk6", "open-sesame"] {
        assert!(!log.contains(secret), "{secret} is in the log");
        assert!(!stderr.contains(secret), "{secret} is on standard error");
        in_no_file(&data, secret);
    }
}

/// What is stored of a secret is not the secret.
pub(crate) fn in_no_file(folder: &std::path::Path, secret: &str) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            in_no_file(&path, secret);
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let mut windows = bytes.windows(secret.len());
        let is_there = windows.any(|window| window == secret.as_bytes());
        assert!(!is_there, "{secret} is in {}", path.display());
    }
}

#[test]
fn the_document_of_the_api_is_the_reviewed_one() {
    let server = Launch::dev().start();
    let document: Value = server.visitor().get("/openapi.json").json();
    let text = format!("{}\n", serde_json::to_string_pretty(&document).unwrap());
    let reviewed = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(reviewed, &text).unwrap();
    }
    let is_same = fs::read_to_string(reviewed).is_ok_and(|reviewed| reviewed == text);
    assert!(is_same, "the API has changed: review docs/openapi.json after UPDATE_EXPECT=1");
}
