//! Looks into a ring: who owns a key, how even it is, what a planned change would move.
//!
//!     ringctl owner SERVERS KEY...    the owner of each key and the next two servers
//!     ringctl shares SERVERS          the share of each server
//!     ringctl ranges OLD NEW          the ranges of hashes that a change moves
//!     ringctl compare OLD NEW         keys that it moves, beside modulo and rendezvous hashing
//!
//! SERVERS are `ID[=WEIGHT][@ZONE]`, with commas between them; `--vnodes N` before the command sets
//! the points of a server of weight 1 (200).

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use structures::hash::Xxh3;
use structures::membership::{MembershipError, Placement, Server, movement};
use structures::modulo::Modulo;
use structures::rendezvous::Rendezvous;
use structures::ring::diff::diff;
use structures::ring::{DEFAULT_VIRTUAL_NODES, Distinct, Ring};

const USAGE: &str = "usage: ringctl [--vnodes N] \
    owner SERVERS KEY... | shares SERVERS | ranges OLD NEW | compare OLD NEW";

/// How many made-up keys `compare` places.
const KEYS: u32 = 100_000;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Whoever closed the other end wants no more of it.
    match answer(&arguments) {
        Ok(answer) => {
            let _ = io::stdout().write_all(answer.as_bytes());
            ExitCode::SUCCESS
        }
        Err(problem) => {
            let _ = writeln!(io::stderr(), "ringctl: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn answer(arguments: &[String]) -> Result<String, String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (virtual_nodes, words) = match words.as_slice() {
        ["--vnodes", count, rest @ ..] => {
            let count = count.parse().map_err(|_| format!("{count} is no number of points"))?;
            (count, rest)
        }
        rest => (DEFAULT_VIRTUAL_NODES, rest),
    };
    let ring = |list: &str| {
        let servers = servers(list)?;
        Ring::with_servers(Xxh3, virtual_nodes, servers).map_err(|error| error.to_string())
    };
    match words {
        ["owner", servers, keys @ ..] if !keys.is_empty() => Ok(owners(&ring(servers)?, keys)),
        ["shares", servers] => Ok(shares(&ring(servers)?)),
        ["ranges", old, new] => Ok(ranges(&ring(old)?, &ring(new)?)),
        ["compare", old, new] => compare(&ring(old)?, &ring(new)?),
        _ => Err(USAGE.to_owned()),
    }
}

/// Reads `ID[=WEIGHT][@ZONE],...`.
fn servers(list: &str) -> Result<Vec<Server>, String> {
    let server = |text: &str| {
        let (text, zone) = match text.split_once('@') {
            Some((text, zone)) => (text, Some(zone)),
            None => (text, None),
        };
        let (id, weight) = text.split_once('=').unwrap_or((text, "1"));
        let weight = weight.parse().map_err(|_| format!("{weight} is no weight of {id}"))?;
        let server = Server::new(id).with_weight(weight);
        Ok(zone.map_or(server.clone(), |zone| server.with_zone(zone)))
    };
    list.split(',').map(server).collect()
}

fn owners(ring: &Ring, keys: &[&str]) -> String {
    let mut text = String::new();
    for key in keys {
        let replicas = ring.replicas(key.as_bytes(), 3, Distinct::Zones);
        let ids: Vec<&str> = replicas.servers.iter().map(|server| server.id()).collect();
        let _ = writeln!(text, "{key} {:016x} {}", ring.position(key.as_bytes()), ids.join(" "));
    }
    text
}

fn shares(ring: &Ring) -> String {
    let (shares, mut text) = (ring.shares(), String::new());
    for (server, share) in &shares.of {
        let _ = writeln!(text, "{} weight {} {:.2} %", server.id(), server.weight(), share * 100.0);
    }
    let _ = writeln!(
        text,
        "mean {:.2} %, deviation {:.1} % of it, largest {:.2} times it",
        shares.mean * 100.0,
        shares.deviation_percent,
        shares.max_over_mean,
    );
    let _ = writeln!(text, "{} points, checksum {:016x}", ring.points().len(), ring.checksum());
    text
}

fn ranges(old: &Ring, new: &Ring) -> String {
    let (moves, mut text) = (diff(old, new), String::new());
    for moved in &moves {
        let id = |server: Option<&Server>| server.map_or("nobody", Server::id).to_owned();
        let (from, to) = (id(moved.from), id(moved.to));
        let _ =
            writeln!(text, "({:016x}, {:016x}] {from} -> {to}", moved.arc.after, moved.arc.through);
    }
    let share: f64 = moves.iter().map(|moved| moved.arc.share()).sum();
    let _ = writeln!(text, "{} ranges, {:.2} % of the circle", moves.len(), share * 100.0);
    text
}

fn compare(old: &Ring, new: &Ring) -> Result<String, String> {
    let mut text = String::new();
    let mut line = |method: &str, share: f64| {
        let _ = writeln!(text, "{method} {:.1} %", share * 100.0);
    };
    line("ring", movement(old, new, keys()).share());
    let rendezvous = [old, new].map(|ring| filled(Rendezvous::default(), ring.servers()));
    if let [Ok(old), Ok(new)] = &rendezvous {
        line("rendezvous", movement(old, new, keys()).share());
    }
    // Modulo has no weights: each server counts once.
    let unweighted = |ring: &Ring| {
        let with_weight = ring.servers().iter().filter(|server| server.weight() > 0);
        let equal: Vec<Server> = with_weight.map(|server| Server::new(server.id())).collect();
        filled(Modulo::default(), &equal)
    };
    let (old, new) = (unweighted(old), unweighted(new));
    let error = |error: MembershipError| error.to_string();
    line("modulo", movement(&old.map_err(error)?, &new.map_err(error)?, keys()).share());
    Ok(text)
}

fn keys() -> impl Iterator<Item = String> {
    (0..KEYS).map(|key| format!("key-{key}"))
}

fn filled<P: Placement>(mut placement: P, servers: &[Server]) -> Result<P, MembershipError> {
    servers.iter().try_for_each(|server| placement.add(server.clone()))?;
    Ok(placement)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Result<String, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        answer(&words)
    }

    #[test]
    fn owners_are_those_of_the_ring_and_zones_differ() {
        let text = run("owner s0@a,s1@a,s2@b,s3@b,s4@c key0 key5").unwrap();
        let lines: Vec<Vec<&str>> = text.lines().map(|l| l.split(' ').collect()).collect();
        // The owners that the unit test of the ring has pinned.
        assert_eq!((lines[0][0], lines[0][2]), ("key0", "s0"));
        assert_eq!((lines[1][0], lines[1][2]), ("key5", "s3"));
        let zone = |id: &str| "aabbc".as_bytes()[usize::from(id.as_bytes()[1] - b'0')];
        for line in lines {
            let zones = [zone(line[2]), zone(line[3]), zone(line[4])];
            assert!(zones[0] != zones[1] && zones[1] != zones[2] && zones[0] != zones[2]);
        }
    }

    #[test]
    fn shares_add_up_and_ranges_lead_to_the_new_server() {
        let text = run("--vnodes 50 shares a,b=2,c=0").unwrap();
        assert!(text.contains("c weight 0 0.00 %") && text.contains("150 points"), "{text}");
        let text = run("ranges a,b,c a,b,c,d").unwrap();
        let (ranges, last) = text.trim_end().rsplit_once('\n').unwrap();
        assert!(ranges.lines().all(|line| line.ends_with("-> d")), "{text}");
        assert!(last.starts_with(&format!("{} ranges, 2", ranges.lines().count())), "{last}");
    }

    #[test]
    fn a_ring_moves_far_fewer_keys_than_modulo() {
        let old = "a,b,c,d,e,f,g,h,i,j";
        let text = run(&format!("compare {old} {old},k")).unwrap();
        let shares: Vec<(&str, f64)> = text
            .lines()
            .map(|line| line.trim_end_matches(" %").split_once(' ').unwrap())
            .map(|(method, share)| (method, share.parse().unwrap()))
            .collect();
        let [("ring", ring), ("rendezvous", rendezvous), ("modulo", modulo)] = shares[..] else {
            panic!("{text}");
        };
        assert!((7.0..11.5).contains(&ring) && (8.5..9.7).contains(&rendezvous), "{text}");
        assert!((90.0..92.0).contains(&modulo), "{text}");
    }

    #[test]
    fn mistakes_are_named() {
        let problem = |line: &str| run(line).unwrap_err();
        assert!(problem("").starts_with("usage"));
        assert!(problem("owner a").starts_with("usage"));
        assert_eq!(problem("shares a=x"), "x is no weight of a");
        assert_eq!(problem("--vnodes x shares a"), "x is no number of points");
        assert!(problem("shares a,a").contains("member already"));
    }
}
