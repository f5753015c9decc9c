//! The binary as its users call it, against a tiny shortener that can be told to misbehave.

#![expect(clippy::expect_used, reason = "a helper of a test fails the test by a panic")]

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

/// How the tiny shortener fails.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    None,
    /// Every tenth redirect leads to the wrong place.
    WrongTarget,
    /// Every tenth click on a link takes back the one before it.
    LostClick,
}

/// Long URLs and clicks by code.
type Links = Arc<Mutex<HashMap<String, (String, u64)>>>;

/// Starts a shortener that lives as long as the test process: its address.
fn shortener(fault: Fault) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    let links = Links::default();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let links = Arc::clone(&links);
            std::thread::spawn(move || serve(stream.expect("a client"), &links, fault));
        }
    });
    format!("http://{address}")
}

/// Answers requests that each arrive in one piece, as those of the generator do.
fn serve(mut stream: TcpStream, links: &Links, fault: Fault) {
    let mut bytes = [0; 8192];
    loop {
        let count = stream.read(&mut bytes).unwrap_or(0);
        if count == 0 {
            return;
        }
        let request = String::from_utf8_lossy(&bytes[..count]).into_owned();
        let path = request.split(' ').nth(1).expect("a request line").to_owned();
        let answer = answer(&request, &path, &mut links.lock().expect("no panic"), fault);
        stream.write_all(answer.as_bytes()).expect("the client reads");
    }
}

fn answer(
    request: &str,
    path: &str,
    links: &mut HashMap<String, (String, u64)>,
    fault: Fault,
) -> String {
    if request.starts_with("POST /shortener/shorturl ") {
        assert!(request.contains("Authorization: Bearer dev-default\r\n"), "{request}");
        let long_url = request.split('"').nth(3).expect("a long URL").to_owned();
        let code = format!("c{}", links.len());
        let body = format!("{{\"shortURL\":\"http://sho.rt/{code}\"}}");
        links.insert(code, (long_url, 0));
        return with_body("201 Created", "", &body);
    }
    let stats = path.strip_prefix("/shortener/shorturls/").and_then(|p| p.strip_suffix("/stats"));
    if let Some(code) = stats {
        return with_body("200 OK", "", &format!("{{\"total\":{}}}", links[code].1));
    }
    let Some((long_url, clicks)) = links.get_mut(&path[1..]) else {
        return with_body("404 Not Found", "", "{}");
    };
    *clicks += 1;
    let is_faulty = *clicks % 10 == 0;
    if is_faulty && fault == Fault::LostClick {
        *clicks -= 2;
    }
    let wrong = if is_faulty && fault == Fault::WrongTarget { "0" } else { "" };
    with_body("302 Found", &format!("Location: {long_url}{wrong}\r\n"), "")
}

fn with_body(status: &str, header: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{header}Content-Length: {}\r\n\r\n{body}", body.len())
}

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_backplane-bench"))
        .args(arguments)
        .output()
        .expect("the binary starts")
}

fn follow(target: &str) -> Output {
    bench(&[
        "shortener",
        "--target",
        target,
        "--links",
        "3",
        "--connections",
        "2",
        "--rounds",
        "1",
        "--duration",
        "300ms",
        "--check-clicks",
        "--json",
    ])
}

#[test]
fn right_answers_and_counted_clicks_are_a_clean_run() {
    let output = follow(&shortener(Fault::None));
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["clean"], true);
    let clicks = &report["shortener"]["clicks"];
    assert_eq!(clicks["counted"], clicks["sent"]);
    assert_eq!(clicks["counted"], report["shortener"]["rounds"]["target"]["rounds"][0]["answers"]);
}

#[test]
fn a_wrong_target_fails_the_run() {
    let output = follow(&shortener(Fault::WrongTarget));
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let round = &report["shortener"]["rounds"]["target"]["rounds"][0];
    assert!(round["wrong"].as_u64().is_some_and(|wrong| wrong > 0), "{report}");
    assert!(round["first_problem"].as_str().is_some_and(|text| text.contains(" leads to ")));
}

#[test]
fn clicks_that_do_not_add_up_fail_the_run() {
    let output = follow(&shortener(Fault::LostClick));
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(report["shortener"]["clicks"]["settled_after_ms"].is_null(), "{report}");
}

#[test]
fn mixed_and_create_workloads_run_clean() {
    let target = shortener(Fault::None);
    for workload in ["mixed", "create", "zipf"] {
        let output = bench(&[
            "shortener",
            "--target",
            &target,
            "--workload",
            workload,
            "--connections",
            "2",
            "--rounds",
            "1",
            "--duration",
            "200ms",
            "--links",
            "5",
        ]);
        let text = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(0), "{text}");
        assert!(text.contains(&format!("shortener {workload}: 2 connections")), "{text}");
    }
}

#[test]
fn what_cannot_be_measured_is_said_in_one_line() {
    for (arguments, word) in [
        (&["shortener", "--target", "http://192.0.2.1"][..], "not a loopback address"),
        (&["shortener", "--workload", "idle"], "--pid"),
        (&["shortener", "--workload", "create", "--peer", "nginx"], "fixed redirect"),
        (&["shortener", "--workload", "zipf", "--tool", "wrk"], "--workload redirect only"),
        (&["platform", "--binary", "/does/not/exist"], "/does/not/exist"),
        (&["telemetry", "--binary", "/does/not/exist"], "/does/not/exist"),
        (
            &["processes", "--binary", "/does/not/exist", "--sql", "postgres://127.0.0.1/x"],
            "/does/not/exist",
        ),
    ] {
        let output = bench(arguments);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(word) && text.lines().count() == 1, "{text}");
    }
}

/// With the binary that `BACKPLANE_BIN` names, as `./test` does; without one nothing can be run.
#[test]
fn every_span_of_a_short_outage_is_accounted_for() {
    let Ok(binary) = std::env::var("BACKPLANE_BIN") else { return };
    let output = bench(&[
        "telemetry",
        "--binary",
        &binary,
        "--rounds",
        "1",
        "--seconds",
        "1",
        "--rate",
        "200",
        "--connections",
        "4",
        "--outage",
        "1",
        "--json",
    ]);
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{text}{errors}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let telemetry = &report["telemetry"];
    assert_eq!(telemetry["outage"]["spans"]["unaccounted"], 0);
    assert!(telemetry["outage"]["spans"]["recorded"].as_u64().is_some_and(|spans| spans > 0));
    assert!(telemetry["closed"]["spans"].as_u64().is_some_and(|spans| spans > 0), "{text}");
}
