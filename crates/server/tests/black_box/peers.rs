//! Two real processes on one PostgreSQL behave as one (N7, Acceptance 12 and 20).

use std::time::Instant;

use serde_json::json;

use crate::support::{Client, Database, Launch, Server, fresh_database};

const EDITS: usize = 100;
/// What an edit may wait for a process that was killed: its lease of a second, and a busy machine.
const LEASE_MAX_MS: u128 = 5_000;

/// Both with rows in `database`; none when there is no PostgreSQL.
fn two_on(database: Option<&Database>) -> Option<(Server, Server)> {
    let database = database?;
    let start = |name: &str| {
        let launch = Launch::dev().set(&format!("data.sql={}", database.url()));
        launch.set(&format!("shortener.server={name}")).start()
    };
    Some((start("a"), start("b")))
}

fn edit(client: &mut Client, code: &str, target: &str) {
    let edited = client.put(&format!("/shortener/shorturls/{code}"), &json!({ "longUrl": target }));
    assert_eq!(edited.status, 200, "{}", edited.text());
}

#[test]
fn an_acknowledged_edit_is_in_force_in_every_process() {
    let database = fresh_database();
    let Some((a, b)) = two_on(database.as_ref()) else { return };
    let (mut editors, mut visitors) =
        ([a.client("dev"), b.client("dev")], [b.visitor(), a.visitor()]);
    let code = editors[0].shorten(&json!({ "longUrl": "https://example.com/0", "private": true }));
    for number in 1..=EDITS {
        // Into the memory of the other, so that the next answer could come from there.
        assert_eq!(visitors[number % 2].get(&format!("/{code}")).status, 302);
        let target = format!("https://example.com/{number}");
        edit(&mut editors[number % 2], &code, &target);
        let seen = visitors[number % 2].get(&format!("/{code}"));
        assert_eq!(seen.header("location"), target);
    }
    let gone = editors[0].send("DELETE", &format!("/shortener/shorturls/{code}"), "");
    assert_eq!(gone.status, 204);
    assert_eq!(visitors[0].get(&format!("/{code}")).status, 410);
}

#[test]
fn a_killed_process_is_waited_for_once_and_briefly() {
    let database = fresh_database();
    let Some((a, b)) = two_on(database.as_ref()) else { return };
    let mut client = a.client("dev");
    let code = client.shorten(&json!({ "longUrl": "https://example.com/0", "private": true }));
    assert_eq!(b.visitor().get(&format!("/{code}")).status, 302);
    b.kill();
    let began = Instant::now();
    edit(&mut client, &code, "https://example.com/1");
    assert!(began.elapsed().as_millis() < LEASE_MAX_MS, "{:?}", began.elapsed());
    let seen = a.visitor().get(&format!("/{code}"));
    assert_eq!(seen.header("location"), "https://example.com/1");
}

/// Longer than its lease, without knowing that it did: it has to ask before it answers.
#[test]
fn a_process_that_stood_still_answers_with_what_holds_now() {
    let database = fresh_database();
    let Some((a, b)) = two_on(database.as_ref()) else { return };
    let mut client = a.client("dev");
    let code = client.shorten(&json!({ "longUrl": "https://example.com/0", "private": true }));
    let mut visitor = b.visitor();
    for round in 1..=3 {
        assert_eq!(visitor.get(&format!("/{code}")).status, 302);
        b.signal("STOP");
        let target = format!("https://example.com/{round}");
        edit(&mut client, &code, &target);
        b.signal("CONT");
        assert_eq!(visitor.get(&format!("/{code}")).header("location"), target);
    }
}
