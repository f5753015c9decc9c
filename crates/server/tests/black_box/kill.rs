//! `kill -9` under load: what was acknowledged is there afterwards, and no code is given out twice.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

use crate::support::{Client, Launch, Server, Storm, backplane, resolves};

const KILLS: usize = 20;
/// Numbers a crash may skip.
const CHECKPOINT_EVERY: usize = 100;
/// Links opened after each restart: the newest half of them, and older ones at even steps.
const SAMPLE: usize = 600;
const DIGITS: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

#[test]
fn twenty_kills_in_create_storms_lose_nothing_acknowledged() {
    let data = tempfile::tempdir().unwrap();
    let mut operator = None;
    let mut made = Vec::new();
    for round in 0..KILLS {
        let (server, token) = start(data.path(), round, &mut operator);
        let newest = made.len().saturating_sub(SAMPLE / 2);
        let older = made[..newest].iter().step_by(newest / (SAMPLE / 2) + 1);
        resolves(&mut server.visitor(), older.chain(&made[newest..]));
        let storm = Storm::begin(&server, &token, &format!("round-{round}"));
        // Kills come at different points of a checkpoint, of a commit and of a log.
        made.extend(storm.wait_for(40 + round * 37 % 230));
        server.kill();
        made.extend(storm.end());
    }
    let (server, token) = start(data.path(), 0, &mut operator);
    resolves(&mut server.visitor(), &made);
    let mut targets = HashMap::new();
    for link in &made {
        let other = targets.insert(&link.code, &link.target);
        assert!(other.is_none(), "{} was given to {other:?} and {}", link.code, link.target);
    }
    let mut client = server.client(&token);
    let (stored, next) = (stored_links(&mut client), next_number(&mut client));
    let skipped = next - stored;
    assert!(stored >= made.len(), "{stored} stored, {} acknowledged", made.len());
    assert!(skipped <= KILLS * CHECKPOINT_EVERY, "{KILLS} kills skipped {skipped} numbers");
    server.stop();
    let check = backplane().arg("check-data").arg("--data").arg(data.path()).output().unwrap();
    assert!(check.status.success(), "{check:?}");
}

/// `dev` and `serve` take turns on one data directory.
fn start(data: &Path, round: usize, operator: &mut Option<String>) -> (Server, String) {
    let is_dev = round.is_multiple_of(2);
    let launch = if is_dev { Launch::dev().data(data) } else { Launch::serve(data) };
    let server = launch
        .set("data.durability=flush")
        .set("shortener.obfuscate=false")
        .set(&format!("shortener.checkpoint_every={CHECKPOINT_EVERY}"))
        .start();
    let token = match is_dev {
        true => "dev".to_owned(),
        false => operator.get_or_insert_with(|| server.operator_token()).clone(),
    };
    (server, token)
}

fn stored_links(client: &mut Client) -> usize {
    let (mut count, mut cursor) = (0, String::new());
    loop {
        let page = client.get(&format!("/shortener/users/me/shorturls?limit=500{cursor}")).json();
        count += page["items"].as_array().unwrap().len();
        match &page["nextCursor"] {
            Value::String(next) => cursor = format!("&cursor={next}"),
            _ => return count,
        }
    }
}

/// Without obfuscation a code is its number in base 62.
fn next_number(client: &mut Client) -> usize {
    let code = client.shorten(&serde_json::json!({ "longUrl": "https://example.com/next" }));
    let digit = |byte| DIGITS.iter().position(|digit| *digit == byte).unwrap();
    code.bytes().fold(0, |number, byte| number * 62 + digit(byte))
}
