//! Sketches and the hash tree.

use std::hash::BuildHasherDefault;
use std::hint::black_box;
use std::io;

use cmsketch::CMSketchU32;
use fastbloom::BloomFilter;
use hyperloglogplus::{HyperLogLog as _, HyperLogLogPF};
use siphasher::sip::SipHasher13;
use structures::bloom::Bloom;
use structures::bloom::counting::CountingBloom;
use structures::bloom::scalable::ScalableBloom;
use structures::count_min::CountMin;
use structures::count_min::top::Top;
use structures::hash::{KeyHash, Xxh3};
use structures::hyperloglog::HyperLogLog;
use structures::merkle::{Digest, MerkleTree};

use crate::harness::{Contender, compare, keys, time, title, title_of_times};

pub(crate) fn bloom() -> io::Result<()> {
    let keys = keys(20_000);
    let (inserted, absent) = keys.split_at(10_000);
    title("bloom, 10,000 keys at 1 %, 12 KB: insert")?;
    let mut ours = Bloom::new(10_000, 0.01).expect("the size is possible");
    let mut counting = CountingBloom::new(10_000, 0.01).expect("the size is possible");
    let mut scalable = ScalableBloom::new(10_000, 0.01).expect("the size is possible");
    let mut peer = BloomFilter::with_num_bits(ours.bits() as usize).seed(&1).hashes(ours.probes());
    let contenders = vec![
        Contender::new("structures::bloom", || {
            inserted.iter().for_each(|key| _ = black_box(ours.insert(key)));
        }),
        Contender::new("fastbloom 0.17, SipHash-1-3, 64 bits", || {
            inserted.iter().for_each(|key| _ = black_box(peer.insert(&key[..])));
        }),
        Contender::new("structures::bloom::scalable", || {
            inserted.iter().for_each(|key| _ = black_box(scalable.insert(key)));
        }),
        Contender::new("structures::bloom::counting, insert and remove", || {
            for key in inserted {
                counting.insert(key);
                counting.remove(key);
            }
        }),
    ];
    compare(inserted.len(), contenders)?;

    for (text, asked) in [("of keys that are there", inserted), ("of absent keys", absent)] {
        title(&format!("bloom, 10,000 keys at 1 %, 12 KB: look-up {text}"))?;
        let contenders = vec![
            Contender::new("structures::bloom", || {
                asked.iter().for_each(|key| _ = black_box(ours.may_contain(key)));
            }),
            Contender::new("fastbloom 0.17, SipHash-1-3, 64 bits", || {
                asked.iter().for_each(|key| _ = black_box(peer.contains(&key[..])));
            }),
        ];
        compare(asked.len(), contenders)?;
    }
    Ok(())
}

pub(crate) fn count_min() -> io::Result<()> {
    title("count-min, 2,719 x 5 counters, 54 KB: add")?;
    let keys = keys(1 << 16);
    let sketch = CountMin::with_error(0.001, 0.01).expect("the size is possible");
    let (mut plain, mut conservative) = (sketch.clone(), sketch.clone().conservative());
    let mut top = Top::new(sketch, 100);
    let mut peer = CMSketchU32::new(0.001, 0.99);
    let contenders = vec![
        Contender::new("structures::count_min", || {
            keys.iter().for_each(|key| _ = black_box(plain.add(key, 1)));
        }),
        Contender::new("cmsketch 0.2, by the same hash", || {
            keys.iter().for_each(|key| peer.inc(Xxh3.hash(key)));
        }),
        Contender::new("structures::count_min, conservative", || {
            keys.iter().for_each(|key| _ = black_box(conservative.add(key, 1)));
        }),
        Contender::new("structures::count_min::top, 100 places", || {
            keys.iter().for_each(|key| top.add(key, 1));
        }),
    ];
    compare(keys.len(), contenders)
}

pub(crate) fn hyperloglog() -> io::Result<()> {
    title("hyperloglog, precision 14: add")?;
    let keys = keys(1 << 16);
    let hashes: Vec<u64> = keys.iter().map(|key| Xxh3.hash(key)).collect();
    let [mut by_hash, mut by_bytes] =
        [(), ()].map(|()| HyperLogLog::new(14).expect("the precision is possible"));
    let mut peer: HyperLogLogPF<[u8; 16], BuildHasherDefault<SipHasher13>> =
        HyperLogLogPF::new(14, BuildHasherDefault::default()).expect("the precision is possible");
    let contenders = vec![
        Contender::new("structures::hyperloglog, by hash", || {
            hashes.iter().for_each(|hash| by_hash.insert_hash(*hash));
        }),
        Contender::new("structures::hyperloglog, by bytes, hashed with XXH3", || {
            keys.iter().for_each(|key| by_bytes.insert(key));
        }),
        Contender::new("hyperloglogplus 0.4, by bytes, hashed with SipHash-1-3", || {
            keys.iter().for_each(|key| peer.insert(key));
        }),
    ];
    compare(keys.len(), contenders)?;

    title_of_times("hyperloglog, precision 14")?;
    let stored = by_hash.to_bytes();
    let mut union = by_hash.clone();
    let contenders = vec![
        Contender::new("estimate", || _ = black_box(by_hash.estimate())),
        Contender::new("merge", || union.merge(&by_bytes).expect("they are alike")),
        Contender::new("store", || _ = black_box(by_hash.to_bytes())),
        Contender::new("read", || _ = black_box(HyperLogLog::from_bytes(&stored))),
    ];
    time(contenders)
}

pub(crate) fn merkle() -> io::Result<()> {
    title("merkle, 65,536 leaves")?;
    let keys = keys(1 << 14);
    let entries: Vec<(u64, Digest)> =
        keys.iter().map(|key| (Xxh3.hash(key), Digest::of_entry(key, b"1"))).collect();
    let mut tree = MerkleTree::new(16).expect("the depth is possible");
    let contenders = vec![
        Contender::new("insert an entry", || {
            entries.iter().for_each(|(position, entry)| tree.insert(*position, *entry));
        }),
        Contender::new("digest of an entry of 17 bytes", || {
            keys.iter().for_each(|key| _ = black_box(Digest::of_entry(key, b"1")));
        }),
    ];
    compare(keys.len(), contenders)
}
