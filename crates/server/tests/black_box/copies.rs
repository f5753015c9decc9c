//! Backups and forks are taken while links are being made: each is the state of one moment, and
//! from then on neither side sees what the other does.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::support::{
    Client, Engine, Launch, Made, Server, Storm, backplane, eventually, on_each_engine, refusal,
    resolves,
};

/// Links acknowledged before the copy is asked for.
const BEFORE: usize = 300;
/// Links acknowledged after it.
const AFTER: usize = 200;

/// A storm with a copy in the middle of it; links made before and all links.
fn copied_in_a_storm(server: &Server, token: &str, copy: impl FnOnce()) -> (Vec<Made>, Vec<Made>) {
    let storm = Storm::begin(server, token, "storm");
    let before = storm.wait_for(BEFORE);
    copy();
    let mut all = before.clone();
    all.extend(storm.wait_for(AFTER));
    all.extend(storm.end());
    (before, all)
}

/// Each caller made its links one after the other: a copy of one moment has the first so many.
fn is_a_prefix(visitor: &mut Client, all: &[Made]) {
    let kept = all.iter().map(|link| {
        let answer = visitor.get(&format!("/{}", link.code));
        let is_there = match answer.status {
            302 => answer.header("location") == link.target,
            404 => false,
            other => panic!("{other}: {link:?}"),
        };
        (link.caller, link.sequence, is_there)
    });
    let mut kept: Vec<_> = kept.collect();
    kept.sort_unstable();
    for pair in kept.windows(2) {
        let ((caller, sequence, earlier), (other, _, later)) = (pair[0], pair[1]);
        let is_hole = caller == other && !earlier && later;
        assert!(!is_hole, "link {sequence} of caller {caller} is missing, the next is there");
    }
    assert!(kept.iter().any(|(.., is_there)| !is_there), "the copy has what came after it");
}

fn apart(mut one: Client, mut other: Client) {
    let only = |client: &mut Client, name: &str| {
        let target = format!("https://example.com/only-{name}");
        client.shorten(&json!({ "longUrl": target, "alias": format!("only-{name}") }));
    };
    only(&mut one, "one");
    only(&mut other, "other");
    assert_eq!(one.get("/shortener/shorturls/only-other").status, 404);
    assert_eq!(other.get("/shortener/shorturls/only-one").status, 404);
    assert_eq!(one.get("/shortener/shorturls/only-one").status, 200);
    assert_eq!(other.get("/shortener/shorturls/only-other").status, 200);
}

#[test]
fn a_backup_under_load_is_the_state_of_one_moment() {
    let dir = tempfile::tempdir().unwrap();
    let (data, copy) = (dir.path().join("data"), dir.path().join("copy"));
    let server = Launch::dev().data(&data).start();
    let backup = || {
        let said = server.command(&["backup", copy.to_str().unwrap()], "dev");
        assert!(said.contains("files"), "{said}");
    };
    let (before, all) = copied_in_a_storm(&server, "dev", backup);
    let from = Launch::dev().arg("--from").arg(&copy).start();
    resolves(&mut from.visitor(), &before);
    is_a_prefix(&mut from.visitor(), &all);
    resolves(&mut server.visitor(), &all);
    apart(server.client("dev"), from.client("dev"));
    from.stop();

    let again = server.try_command(&["backup", copy.to_str().unwrap()], "dev");
    assert!(refusal(&again).contains("exists"), "a backup was written over another");
    server.stop();
    restored(&copy, &dir.path().join("restored"), &before);
    damaged(&copy, &dir.path().join("never"));
}

fn restored(copy: &Path, data: &Path, before: &[Made]) {
    let restore =
        |to: &Path| backplane().arg("restore").arg(copy).arg("--data").arg(to).output().unwrap();
    let output = restore(data);
    assert!(output.status.success(), "{output:?}");
    let line = refusal(&restore(data));
    assert!(line.contains("exists"), "{line}");
    let server = Launch::dev().data(data).start();
    resolves(&mut server.visitor(), before);
    server.stop();
    let check = backplane().arg("check-data").arg("--data").arg(data).output().unwrap();
    assert!(check.status.success(), "{check:?}");
}

fn damaged(copy: &Path, never: &Path) {
    let file = copy.join("namespaces/default/shortener/shortener.db");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let restore = backplane().arg("restore").arg(copy).arg("--data").arg(never).output().unwrap();
    let lines = [refusal(&restore), Launch::dev().arg("--from").arg(copy).refused()];
    for line in lines {
        assert!(line.contains(file.to_str().unwrap()) && line.contains("damaged"), "{line}");
    }
    assert!(!never.exists(), "a damaged backup was restored");
    fs::remove_file(copy.join("MANIFEST.json")).unwrap();
    let line = Launch::dev().arg("--from").arg(copy).refused();
    assert!(line.contains("is no backup"), "{line}");
}

#[test]
fn a_data_directory_at_rest_is_backed_up_too() {
    let dir = tempfile::tempdir().unwrap();
    let (data, copy) = (dir.path().join("data"), dir.path().join("copy"));
    let server = Launch::dev().data(&data).start();
    let storm = Storm::begin(&server, "dev", "rest");
    let mut made = storm.wait_for(100);
    made.extend(storm.end());
    server.kill();
    let output = backplane().arg("backup").arg("--data").arg(&data).arg(&copy).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let from = Launch::dev().arg("--from").arg(&copy).start();
    resolves(&mut from.visitor(), &made);
}

#[test]
fn a_fork_under_load_is_the_state_of_one_moment() {
    on_each_engine(fork_under_load);
}

fn fork_under_load(engine: &Engine) {
    let server = engine.dev().set("data.durability=flush").start();
    let fork = || drop(server.command(&["namespace", "fork", "storm", "copy"], "dev"));
    let (before, all) = copied_in_a_storm(&server, "dev-storm", fork);
    let visitor = |name: &str| server.visitor().host(&format!("{name}.localhost"));
    resolves(&mut visitor("copy"), &before);
    is_a_prefix(&mut visitor("copy"), &all);
    resolves(&mut visitor("storm"), &all);
    apart(server.client("dev-storm"), server.client("dev-copy"));
    let again = server.try_command(&["namespace", "fork", "storm", "copy"], "dev");
    assert!(refusal(&again).contains("exists already"));
}

#[test]
fn a_namespace_is_emptied_and_removed_alone() {
    on_each_engine(empty_and_remove);
}

fn empty_and_remove(engine: &Engine) {
    let server = engine.dev().start();
    for name in ["kept", "emptied", "removed"] {
        let mut client = server.client(&format!("dev-{name}"));
        client.shorten(&json!({ "longUrl": "https://example.com/", "alias": "here" }));
    }
    let status = |name: &str| {
        let mut visitor = server.visitor().host(&format!("{name}.localhost"));
        visitor.get("/here").status
    };
    assert_eq!(["kept", "emptied", "removed"].map(status), [302; 3]);
    server.command(&["namespace", "reset", "emptied"], "dev");
    server.command(&["namespace", "drop", "removed"], "dev");
    assert_eq!(status("kept"), 302);
    assert_eq!(status("emptied"), 404);
    let list = server.command(&["namespace", "list"], "dev");
    let names: Vec<_> = list.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(names, ["default", "emptied", "kept"]);
    assert!(refusal(&server.try_command(&["namespace", "drop", "removed"], "dev")).contains("404"));
    // In dev a name is made when it is used.
    eventually("the name can be used anew", || (status("removed") == 404).then_some(()));
    server.client("dev-removed").shorten(&json!({ "longUrl": "https://example.com/anew" }));
}
