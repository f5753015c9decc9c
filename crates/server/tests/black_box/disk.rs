//! A full disk: writes are refused by name, reads go on, nothing is damaged, and what space allows
//! is done again without a restart.

use std::fs::{self, File};
use std::io::{ErrorKind, Write, stderr};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::support::{Client, Launch, Server, backplane, eventually};

/// Bytes of the file system under test: room for a few thousand links.
const SIZE: &str = "size=12m";
/// No create is refused for longer than it takes to write this many links into the open log.
const CREATES_MAX: usize = 20_000;

/// A small file system of memory, which only root may have.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(folder.path()).output();
        mounted.is_ok_and(|mounted| mounted.status.success()).then_some(Self { folder })
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn filler(&self) -> PathBuf {
        self.folder.path().join("filler")
    }

    /// Writes until not a byte is left.
    fn fill(&self) {
        let mut filler = File::options().create(true).append(true).open(self.filler()).unwrap();
        for block in [1 << 16, 1] {
            let refusal = loop {
                if let Err(refusal) = filler.write_all(&vec![0; block]) {
                    break refusal;
                }
            };
            assert_eq!(refusal.kind(), ErrorKind::StorageFull);
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(self.folder.path()).status();
        assert!(unmounted.unwrap().success() || std::thread::panicking());
    }
}

#[test]
fn a_full_disk_stops_writes_and_nothing_else() {
    let Some(disk) = SmallDisk::mount() else {
        writeln!(stderr(), "not shown here: a full disk needs the right to mount one").unwrap();
        return;
    };
    let server = Launch::dev().data(&disk.data()).set("data.durability=flush").start();
    let (mut client, mut visitor) = (server.client("dev"), server.visitor());
    let code = client.shorten(&json!({ "longUrl": "https://example.com/before" }));
    visit(&mut visitor, &code, 3);
    clicks_come_to(&mut client, &code, 3);

    disk.fill();
    let made = create_until_full(&mut client);
    visit(&mut visitor, &code, 4);
    let uncached = made.first().map_or(code.as_str(), String::as_str);
    visit(&mut visitor, uncached, 1);
    assert_eq!(client.get(&format!("/shortener/shorturls/{code}/stats")).json()["total"], 3);
    let other = client.post("/platform/namespaces", &json!({ "name": "other" }));
    assert!(matches!(other.status, 201 | 507), "{other:?}");
    assert_eq!(server.visitor().get("/healthz").status, 200);

    fs::remove_file(disk.filler()).unwrap();
    let after = json!({ "longUrl": "https://example.com/after" });
    eventually("links are made again", || {
        (client.post("/shortener/shorturl", &after).status == 201).then_some(())
    });
    let before = if uncached == code { 8 } else { 7 };
    clicks_come_to(&mut client, &code, before);
    server.kill();
    all_there(&disk.data(), &made);
}

/// Returns the codes made until the disk was full.
fn create_until_full(client: &mut Client) -> Vec<String> {
    let mut made = Vec::new();
    for number in 0..CREATES_MAX {
        let target = format!("https://example.com/{number}/{}", "x".repeat(1_500));
        let answer = client.post("/shortener/shorturl", &json!({ "longUrl": target }));
        if answer.status == 201 {
            made.push(answer.json()["code"].as_str().unwrap().to_owned());
            continue;
        }
        answer.is_problem(507, "storage-full");
        return made;
    }
    panic!("{CREATES_MAX} links were stored on a full disk");
}

fn visit(visitor: &mut Client, code: &str, times: usize) {
    for _ in 0..times {
        let answer = visitor.get(&format!("/{code}"));
        assert_eq!(answer.status, 302, "{answer:?}");
    }
}

fn clicks_come_to(client: &mut Client, code: &str, count: u64) {
    let path = format!("/shortener/shorturls/{code}/stats");
    let mut total = 0;
    eventually("all clicks are counted", || {
        total = client.get(&path).json()["total"].as_u64().unwrap();
        assert!(total <= count, "{total} clicks of {count} visits");
        (total == count).then_some(())
    });
}

fn all_there(data: &Path, made: &[String]) {
    let server: Server = Launch::dev().data(data).start();
    let mut visitor = server.visitor();
    made.iter().for_each(|code| visit(&mut visitor, code, 1));
    server.stop();
    let check = backplane().arg("check-data").arg("--data").arg(data).output().unwrap();
    assert!(check.status.success(), "{check:?}");
}
