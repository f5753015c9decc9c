//! Ids of real processes: over `kill -9`, over a pause longer than a lease, from two at once.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::json;

use crate::support::{Launch, Server, backplane, eventually, fresh_database};

/// A client of RESP, as bare as can be.
struct Resp(BufReader<TcpStream>);

impl Resp {
    fn connect(server: &Server) -> Self {
        let address = server.ready["systems"]["ids"]["resp"].as_str().unwrap();
        Self(BufReader::new(TcpStream::connect(address).unwrap()))
    }

    /// `count` times `INCR`, in one pipeline; what came until the end.
    fn increments(&mut self, count: usize) -> Vec<Result<u64, String>> {
        self.0.get_mut().write_all("INCR ids\r\n".repeat(count).as_bytes()).unwrap();
        (0..count).map_while(|_| self.reply()).collect()
    }

    fn reply(&mut self) -> Option<Result<u64, String>> {
        let mut line = String::new();
        if self.0.read_line(&mut line).ok()? == 0 || !line.ends_with('\n') {
            return None;
        }
        Some(match line.trim().split_at(1) {
            (":", number) => Ok(number.parse().unwrap()),
            (_, error) => Err(error.to_owned()),
        })
    }
}

/// A7: killed in the middle of it and started again at once, ten times.
#[test]
fn kills_in_a_storm_of_ids_repeat_none() {
    let data = tempfile::tempdir().unwrap();
    let mut seen = HashSet::new();
    for round in 0..10 {
        let server = Launch::dev().data(data.path()).set("data.durability=flush").start();
        let mut clients = [Resp::connect(&server), Resp::connect(&server)];
        for client in &mut clients {
            for id in client.increments(3_000) {
                assert!(seen.insert(id.unwrap()), "twice");
            }
            // Sent, and the answers on their way when the process dies.
            client.0.get_mut().write_all("INCR ids\r\n".repeat(2_000).as_bytes()).unwrap();
        }
        // Each time after more of them have come.
        for _ in 0..round * 150 {
            assert!(seen.insert(clients[0].reply().unwrap().unwrap()), "twice");
        }
        server.kill();
        for client in &mut clients {
            while let Some(id) = client.reply() {
                assert!(seen.insert(id.unwrap()), "twice");
            }
        }
    }
    assert!(seen.len() >= 60_000);
    let check = backplane().arg("check-data").arg("--data").arg(data.path()).output().unwrap();
    assert!(check.status.success(), "{check:?}");
}

/// A8: a holder that was stopped past its lease makes nothing at its place once another has it.
#[test]
fn a_process_that_stood_still_past_its_lease_makes_nothing_more_there() {
    let Some(database) = fresh_database() else { return };
    let launch = || {
        let launch = Launch::dev().set(&format!("data.sql={}", database.url()));
        launch.set("ids.datacenter=0").set("ids.machine=7")
    };
    let first = launch().set("shortener.server=a").start();
    let mut of_first = Resp::connect(&first);
    let mut seen = HashSet::new();
    let mut keep = |ids: Vec<Result<u64, String>>| -> Vec<String> {
        let fresh = |id: Result<u64, String>| match id {
            Ok(id) => {
                assert!(seen.insert(id), "{id} twice");
                None
            }
            Err(refusal) => Some(refusal),
        };
        ids.into_iter().filter_map(fresh).collect()
    };
    assert!(keep(of_first.increments(500)).is_empty());
    // A second is told at its start that its place is taken.
    let data = tempfile::tempdir().unwrap();
    let refused = launch().data(data.path()).set("shortener.server=b").refused();
    assert!(refused.contains("data centre 0 machine 7 is leased until"), "{refused}");
    assert!(refused.contains("ids.machine"), "{refused}");
    first.signal("STOP");
    eventually("the lease has run out", || database.all_past("worker", "leased_until"));
    let second = launch().data(data.path()).set("shortener.server=b").start();
    let mut of_second = Resp::connect(&second);
    assert!(keep(of_second.increments(500)).is_empty());
    first.signal("CONT");
    let refusals = keep(of_first.increments(500));
    assert_eq!(refusals.len(), 500, "it makes none there");
    assert!(refusals[0].contains("is leased until"), "{}", refusals[0]);
    assert!(keep(of_second.increments(500)).is_empty());
}

/// A15: of two that share a database one is killed, and the other has places of its own.
#[test]
fn one_of_two_goes_on_alone() {
    let Some(database) = fresh_database() else { return };
    let start = |name: &str| {
        let launch = Launch::dev().set(&format!("data.sql={}", database.url()));
        launch.set(&format!("shortener.server={name}")).start()
    };
    let (one, other) = (start("a"), start("b"));
    let (mut of_one, mut of_other) = (Resp::connect(&one), Resp::connect(&other));
    let mut seen = HashSet::new();
    for _ in 0..20 {
        for id in of_one.increments(200).into_iter().chain(of_other.increments(200)) {
            assert!(seen.insert(id.unwrap()), "twice");
        }
    }
    one.kill();
    for id in of_other.increments(5_000) {
        assert!(seen.insert(id.unwrap()), "twice");
    }
}

#[test]
fn only_what_is_switched_on_runs() {
    let server = Launch::dev().arg("--only").arg("ids").start();
    assert_eq!(server.client("dev").get("/ids/id").status, 200);
    assert_eq!(server.client("dev").get("/shortener/domains").status, 404);
    assert!(server.ready["systems"].get("shortener").is_none());
    let overview = server.client("dev").get("/platform/overview").json();
    let names: Vec<_> = overview["systems"].as_array().unwrap().iter().collect();
    assert_eq!(names.len(), 2, "the platform and the ids: {names:?}");
    let refused = Launch::dev().arg("--only").arg("nothing").refused();
    assert!(refused.contains("the systems are shortener, ids"), "{refused}");
}

#[test]
fn bad_requests_are_told_what_was_wrong() {
    let server = Launch::dev().start();
    let mut client = server.client("dev");
    for path in [
        "/ids/ids?count=0",
        "/ids/ids?count=100001",
        "/ids/ids?count=-1",
        "/ids/ids?count=a",
        "/ids/id?form=roman",
        "/ids/id?type=Ord",
        "/ids/uuids?version=3",
        "/ids/bounds?at=yesterday",
        "/ids/decode/hello",
        "/ids/decode/99999999999999999999",
    ] {
        let answer = client.get(path);
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
    }
    let bad = client.post("/ids/ranges", &json!({ "count": 0 }));
    assert_eq!(bad.status, 400);
    let bad = client.post("/ids/ranges", &json!({ "count": 1, "more": 1 }));
    assert_eq!(bad.status, 422);
    let far = client.get("/ids/bounds?at=2100-01-01T00:00:00Z");
    assert_eq!(far.status, 422, "{}", far.text());
    for section in ["ids.sequence_bits=13", "ids.machine=3", "ids.batch_max=0"] {
        let refused = Launch::dev().set(section).refused();
        assert!(refused.contains("ids."), "{refused}");
    }
}
