//! SIGTERM: what was begun is finished and kept, and nothing new is begun.

use std::fs;
use std::net::TcpStream;

use serde_json::json;

use crate::support::{Launch, Server, eventually};

#[test]
fn a_request_under_way_is_answered_and_new_ones_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let mut server = Launch::dev().data(data.path()).start();
    let body = json!({ "longUrl": "https://example.com/under-way" }).to_string();
    let (first, rest) = body.split_at(body.len() / 2);
    let mut client = server.client("dev");
    let head = client.head("POST", "/shortener/shorturl", body.len());
    client.begin(&head, first).unwrap();
    has_been_read(&server);
    server.signal("TERM");
    eventually("new connections are refused", || TcpStream::connect(server.edge).err());
    client.begin("", rest).unwrap();
    let answer = client.finish("POST").unwrap();
    assert_eq!(answer.status, 201, "{answer:?}");
    let code = answer.json()["code"].as_str().unwrap().to_owned();
    assert!(server.wait().success(), "{}", server.stderr());
    let again = Launch::dev().data(data.path()).start();
    let found = again.visitor().get(&format!("/{code}"));
    assert_eq!(found.header("location"), "https://example.com/under-way");
}

/// Requests are read in the order of their arrival, more or less: by the time that others have gone
/// to and fro, the head that was sent before them has been read.
fn has_been_read(server: &Server) {
    let mut visitor = server.visitor();
    for _ in 0..20 {
        assert_eq!(visitor.get("/healthz").status, 200);
    }
}

#[test]
fn clicks_that_were_not_written_yet_are_kept() {
    let data = tempfile::tempdir().unwrap();
    let server = Launch::dev().data(data.path()).start();
    let code = server.client("dev").shorten(&json!({ "longUrl": "https://example.com/clicks" }));
    let mut visitor = server.visitor();
    for _ in 0..25 {
        assert_eq!(visitor.get(&format!("/{code}")).status, 302);
    }
    server.stop();
    let again = Launch::dev().data(data.path()).start();
    let stats = again.client("dev").get(&format!("/shortener/shorturls/{code}/stats")).json();
    assert_eq!(stats["total"], 25, "{stats}");
}

#[test]
fn temporary_state_goes_with_the_process() {
    let temporary = tempfile::tempdir().unwrap();
    let entries = || fs::read_dir(temporary.path()).unwrap().count();
    let launch = || Launch::dev().env("TMPDIR", temporary.path()).start();
    for signal in ["TERM", "INT"] {
        let mut server = launch();
        server.client("dev").shorten(&json!({ "longUrl": "https://example.com/" }));
        assert_eq!(entries(), 1);
        server.signal(signal);
        assert!(server.wait().success());
        assert_eq!(entries(), 0, "left behind after SIG{signal}");
    }
}
