//! Look-ups of owners.

use std::hash::BuildHasherDefault;
use std::hint::black_box;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use hashring::HashRing;
use siphasher::sip::SipHasher13;
use structures::hash::{KeyHash, Sip24, Xxh3};
use structures::jump::Jump;
use structures::ketama::Ketama;
use structures::maglev::Maglev;
use structures::membership::{Placement, Server};
use structures::modulo::Modulo;
use structures::partitions::Partitions;
use structures::rendezvous::Rendezvous;
use structures::ring::bounded::Loads;
use structures::ring::diff::diff;
use structures::ring::live::LiveRing;
use structures::ring::{Distinct, Ring};

use crate::harness::{Contender, compare, keys, note, time, title, title_of_times};

fn servers(count: usize) -> impl Iterator<Item = Server> {
    (0..count).map(|id| Server::new(format!("server-{id}")))
}

fn ring_of(count: usize) -> Ring {
    Ring::with_servers(Xxh3, 200, servers(count)).expect("the sizes are possible")
}

pub(crate) fn ring() -> io::Result<()> {
    for count in [10, 1000] {
        lookups(count)?;
    }
    for count in [10, 1000] {
        while_changing(count)?;
    }
    changes()
}

/// The index of buckets, a binary search over the same points, and a peer.
fn lookups(count: usize) -> io::Result<()> {
    title(&format!("ring, {count} servers, {} points: owner of a key", count * 200))?;
    let keys = keys(1 << 16);
    let ring = ring_of(count);
    let secret = Ring::with_servers(Sip24::new([7; 16]), 200, servers(count))
        .expect("the sizes are possible");
    let (positions, owners): (Vec<u64>, Vec<&Server>) = ring.points().unzip();
    let mut peer: HashRing<(usize, usize), BuildHasherDefault<SipHasher13>> =
        HashRing::with_hasher(BuildHasherDefault::default());
    peer.batch_add((0..count).flat_map(|id| (0..200).map(move |index| (id, index))).collect());
    let contenders = vec![
        Contender::new("structures::ring", || {
            keys.iter().for_each(|key| _ = black_box(ring.get(key)));
        }),
        Contender::new("the same points, binary search", || {
            for key in &keys {
                let position = Xxh3.hash(key);
                let at = positions.partition_point(|point| *point < position);
                black_box(owners[if at == owners.len() { 0 } else { at }]);
            }
        }),
        Contender::new("structures::ring, SipHash with a secret", || {
            keys.iter().for_each(|key| _ = black_box(secret.get(key)));
        }),
        Contender::new("hashring 0.3, SipHash-1-3", || {
            keys.iter().for_each(|key| _ = black_box(peer.get(key)));
        }),
        Contender::new("structures::ring, three replicas", || {
            keys.iter().for_each(|key| _ = black_box(ring.replicas(key, 3, Distinct::Servers)));
        }),
    ];
    compare(keys.len(), contenders)?;
    note(&format!("points and index: {} bytes", ring.memory_bytes()))
}

/// Two readers on two cores, and a third thread that changes the members 100 times a second.
fn while_changing(count: usize) -> io::Result<()> {
    const TIME: Duration = Duration::from_secs(2);
    note("")?;
    let keys = keys(1 << 12);
    let live = LiveRing::new(ring_of(count));
    let done = AtomicBool::new(false);
    let start = Instant::now();
    let (lookups, changes) = thread::scope(|scope| {
        let read = || {
            let mut lookups = 0;
            while !done.load(Ordering::Relaxed) {
                for key in &keys {
                    black_box(live.load().get(key));
                }
                lookups += keys.len();
            }
            lookups
        };
        let readers = [scope.spawn(read), scope.spawn(read)];
        let mut changes = 0;
        while start.elapsed() < TIME {
            let changed = match changes % 2 {
                0 => live.change(|ring| ring.add(Server::new("late"))),
                _ => live.change(|ring| ring.remove("late")),
            };
            changed.expect("it comes and goes in turn");
            changes += 1;
            thread::sleep((start + Duration::from_millis(10) * changes) - Instant::now());
        }
        done.store(true, Ordering::Relaxed);
        (readers.map(|reader| reader.join().expect("it does not panic")), changes)
    });
    let elapsed = start.elapsed().as_secs_f64();
    let rate = lookups.iter().sum::<usize>() as f64 / elapsed / 1e6;
    let points = count * 200;
    note(&format!(
        "{points} points, 2 readers: {rate:.1} M look-ups/s in all beside {:.0} changes/s",
        f64::from(changes) / elapsed
    ))
}

/// What a change costs, beside what is told of it.
fn changes() -> io::Result<()> {
    for count in [10, 1000] {
        title_of_times(&format!("ring, {} points: changes", count * 200))?;
        let ring = ring_of(count);
        let mut larger = ring.clone();
        larger.add(Server::new("late")).expect("it is new");
        let contenders = vec![
            Contender::new("copy and add a server", || add_to(&ring)),
            Contender::new("diff of two rings", || _ = black_box(diff(&ring, &larger))),
        ];
        time(contenders)?;
    }
    Ok(())
}

pub(crate) fn alternatives() -> io::Result<()> {
    title("10 servers: owner of a key")?;
    let keys = keys(1 << 16);
    let ring = ring_of(10);
    let (mut modulo, mut rendezvous) = (Modulo::default(), Rendezvous::default());
    let (mut jump, mut maglev, mut ketama) =
        (Jump::default(), Maglev::default(), Ketama::default());
    let all: [&mut dyn Placement; 5] =
        [&mut modulo, &mut rendezvous, &mut jump, &mut maglev, &mut ketama];
    for placement in all {
        servers(10).for_each(|server| placement.add(server).expect("it is new"));
    }
    let mut loads = Loads::new(0.25).expect("the margin is possible");
    let each = |placement: &dyn Placement| {
        keys.iter().for_each(|key| _ = black_box(placement.get(key)));
    };
    let contenders = vec![
        Contender::new("ring", || each(&ring)),
        Contender::new("modulo", || each(&modulo)),
        Contender::new("jump", || each(&jump)),
        Contender::new("maglev", || each(&maglev)),
        Contender::new("rendezvous", || each(&rendezvous)),
        Contender::new("ketama (MD5)", || each(&ketama)),
        Contender::new("ring, bounded loads, acquire and release", || {
            for key in &keys {
                let server = loads.acquire(&ring, key).expect("there are servers");
                loads.release(server.id());
            }
        }),
    ];
    compare(keys.len(), contenders)?;

    title_of_times("10 servers: copy and add one")?;
    let mut partitions = Partitions::new(Xxh3, 4096).expect("the number is possible");
    servers(10).for_each(|server| partitions.add(server).expect("it is new"));
    let contenders = vec![
        Contender::new("ring", || add_to(&ring)),
        Contender::new("maglev", || add_to(&maglev)),
        Contender::new("partitions, 4,096", || add_to(&partitions)),
        Contender::new("ketama", || add_to(&ketama)),
    ];
    time(contenders)
}

fn add_to<P: Placement + Clone>(placement: &P) {
    let mut copy = placement.clone();
    copy.add(Server::new("late")).expect("it is new");
    black_box(copy);
}
