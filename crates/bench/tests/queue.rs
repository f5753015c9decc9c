//! `backplane-bench queue` as its users call it, against a tiny broker that can be told to
//! misbehave, and against the Apache Kafka that `BACKPLANE_TEST_KAFKA` names, if it names one.

#![expect(clippy::expect_used, reason = "a helper of a test fails the test by a panic")]

mod tiny_broker;

use std::io::Write as _;
use std::net::TcpListener;
use std::process::{Command, Output};

use serde_json::Value;

use self::tiny_broker::{Fault, TinyBroker};

/// A short run of a mode: its exit status and its report.
fn run(target: &str, mode: &str, line: &str) -> (Option<i32>, Value) {
    let usual = "--seconds 1 --warm-up-seconds 0 --rounds 1 --bytes 4MiB --groups 5 --rate 2000";
    let words = usual.split(' ').chain(line.split_whitespace());
    let output = bench(&["--json", "--target", target, "--mode", mode], words);
    let report = serde_json::from_slice(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), report.unwrap_or(Value::String(errors)))
}

fn bench<'a>(arguments: &[&str], more: impl Iterator<Item = &'a str>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backplane-bench"));
    command.arg("queue").args(arguments).args(more).output().expect("the binary starts")
}

fn first_round(report: &Value) -> &Value {
    &report["queue"]["rounds"]["target"]["rounds"][0]
}

fn problem(report: &Value) -> &str {
    first_round(report)["first_problem"].as_str().unwrap_or_else(|| panic!("{report}"))
}

const MODES: [(&str, &str); 5] = [
    ("produce", ""),
    ("consume", "--partition-bytes 100KiB"),
    ("latency", "--flush-dir ."),
    ("partitions", "--partitions 40"),
    ("groups", ""),
];

#[test]
fn every_mode_runs_clean_and_deletes_what_it_made() {
    let broker = TinyBroker::start(Fault::None);
    for (mode, line) in MODES {
        let (status, report) = run(&broker.url, mode, line);
        assert_eq!(status, Some(0), "{mode}: {report}");
        let answers = first_round(&report)["answers"].as_u64().expect("a count");
        assert!(answers > 0 && report["clean"] == true, "{mode}: {report}");
        assert_eq!(broker.topics(), 0, "{mode}");
    }
}

#[test]
fn a_latency_run_measures_every_record_and_the_disk() {
    let broker = TinyBroker::start(Fault::None);
    let (status, report) = run(&broker.url, "latency", "--flush-dir .");
    assert_eq!(status, Some(0), "{report}");
    let answers = first_round(&report)["answers"].as_u64().expect("a count");
    // Due in a second at 2,000 a second; floating point may miss the first or the last.
    assert!((1_998..=2_001).contains(&answers), "{report}");
    let detail = &report["queue"]["target"][0];
    for latency in ["flush", "acknowledgement"] {
        assert!(detail[latency]["p99_us"].as_f64().is_some_and(|us| us > 0.0), "{report}");
    }
}

#[test]
fn both_sides_give_the_whole_backlog_each_time() {
    let (broker, peer) = (TinyBroker::start(Fault::None), TinyBroker::start(Fault::None));
    let line = format!("--peer {} --target-pid {} --connections 1", peer.url, std::process::id());
    let (status, report) = run(&broker.url, "consume", &line);
    assert_eq!(status, Some(0), "{report}");
    let sides = &report["queue"]["rounds"];
    for side in ["target", "peer"] {
        let batches = sides[side]["rounds"][0]["answers"].as_u64().expect("a count");
        // 4 MiB in batches of 62 KiB, several times over.
        assert!(batches > 67 && batches.is_multiple_of(67), "{batches} of {side}");
    }
    assert!(sides["median_ratio"].as_f64().is_some_and(|ratio| ratio > 0.0), "{report}");
    let used = |side: &str| report["queue"][side][0]["peak_resident_bytes"].as_u64();
    assert!(used("target").is_some_and(|bytes| bytes > 0) && used("peer").is_none(), "{report}");
}

#[test]
fn lost_batches_fail_a_run() {
    let broker = TinyBroker::start(Fault::LosesBatches);
    let (status, report) = run(&broker.url, "produce", "");
    assert_eq!(status, Some(1), "{report}");
    assert!(problem(&report).contains("acknowledged, the topic has"), "{report}");
    assert_eq!(broker.topics(), 0);
    let (status, report) = run(&broker.url, "consume", "");
    assert_eq!(status, Some(2), "{report}");
    assert!(report.as_str().is_some_and(|text| text.contains("writing the backlog")), "{report}");
}

#[test]
fn refused_batches_fail_a_run() {
    let (status, report) = run(&TinyBroker::start(Fault::Refuses).url, "produce", "");
    assert_eq!(status, Some(1), "{report}");
    assert!(problem(&report).contains("RequestTimedOut (7)"), "{report}");
    assert!(first_round(&report)["refused"].as_u64().is_some_and(|count| count > 0));
}

#[test]
fn damaged_batches_fail_a_run() {
    let broker = TinyBroker::start(Fault::DamagesBatches);
    let (status, report) = run(&broker.url, "consume", "");
    assert_eq!(status, Some(1), "{report}");
    assert!(problem(&report).contains("damaged"), "{report}");
}

#[test]
fn forgotten_commits_fail_a_run() {
    let (status, report) = run(&TinyBroker::start(Fault::ForgetsCommits).url, "groups", "");
    assert_eq!(status, Some(1), "{report}");
    assert!(problem(&report).contains("was committed"), "{report}");
}

#[test]
fn what_does_not_speak_the_protocol_is_said_in_one_line() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let web = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // An answer to no request of ours.
            let _ = stream.expect("a client").write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.local_addr().expect("bound")
    };
    let of_web = format!("kafka://{web}");
    let of_closed = format!("kafka://{closed}");
    for (target, line, word) in [
        (of_closed.as_str(), "", "is the broker running?"),
        (of_web.as_str(), "", "Kafka"),
        (of_closed.as_str(), "--record-bytes 5000 --batch-bytes 128", "--batch-bytes"),
        (of_closed.as_str(), "--target-pid 4294967295", "/proc/4294967295"),
    ] {
        let output = bench(&["--target", target], line.split_whitespace());
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(word) && text.lines().count() == 1, "{text}");
    }
}

/// With the broker that `BACKPLANE_TEST_KAFKA` names (`HOST:PORT`); without one there is no peer.
#[test]
fn every_mode_runs_clean_against_apache_kafka() {
    let Ok(address) = std::env::var("BACKPLANE_TEST_KAFKA") else { return };
    for (mode, line) in MODES {
        let (status, report) = run(&format!("kafka://{address}"), mode, line);
        assert_eq!(status, Some(0), "{mode}: {report}");
    }
}
