//! Ranks: a million members beside a peer, and 25 million alone.

use std::hint::black_box;
use std::io;
use std::time::Instant;

use structures::ranked_set::tree::RankTree;
use structures::ranked_set::{RankedSet, Score};

use crate::harness::{Contender, compare, note, title};

const COUNT: u32 = 1_000_000;
/// Operations a round, on a set that stays at its size.
const ROUND: u32 = 100_000;

/// A score for a member, as if drawn.
fn score_of(member: u32) -> u32 {
    let mixed = u64::from(member).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40) as u32
}

fn key_of(member: u32) -> (u32, u32) {
    (score_of(member), member)
}

fn float_score(member: u32) -> Score {
    Score::new(f64::from(score_of(member))).expect("it is a number")
}

/// A million members in each contender.
struct Sets {
    tree: RankTree<(u32, u32)>,
    peer: indexset::BTreeSet<(u32, u32)>,
    set: RankedSet<u64>,
}

pub(crate) fn ranked_set() -> io::Result<()> {
    let (tree, peer, set) = (RankTree::default(), indexset::BTreeSet::new(), RankedSet::new());
    let mut sets = Sets { tree, peer, set };
    for member in 0..COUNT {
        sets.tree.insert(key_of(member));
        sets.peer.insert(key_of(member));
        sets.set.insert(u64::from(member), float_score(member));
    }
    let bytes = sets.tree.memory_bytes() as f64 / f64::from(COUNT);
    title("ranked set, 1,000,000 members of 4 + 4 bytes")?;
    note(&format!("{bytes:.1} bytes a member in the tree, inserted at random"))?;
    questions(&sets)?;
    new_scores(&mut sets)
}

fn members() -> impl Iterator<Item = u32> {
    (0..ROUND).map(|number| number * (COUNT / ROUND))
}

fn questions(Sets { tree, peer, set }: &Sets) -> io::Result<()> {
    title("ranked set: rank of a member")?;
    let contenders = vec![
        Contender::new("structures::ranked_set::tree", || {
            members().for_each(|member| _ = black_box(tree.rank(&key_of(member))));
        }),
        Contender::new("indexset 0.18", || {
            members().for_each(|member| _ = black_box(peer.rank(&key_of(member))));
        }),
        Contender::new("structures::ranked_set, 8 + 8 bytes and table", || {
            members().for_each(|member| _ = black_box(set.rank(&u64::from(member))));
        }),
    ];
    compare(ROUND as usize, contenders)?;

    title("ranked set: member of a rank")?;
    let ranks = || members().map(|member| score_of(member) as usize % COUNT as usize);
    let contenders = vec![
        Contender::new("structures::ranked_set::tree", || {
            ranks().for_each(|rank| _ = black_box(tree.select(rank)));
        }),
        Contender::new("indexset 0.18", || {
            ranks().for_each(|rank| _ = black_box(peer.get_index(rank)));
        }),
    ];
    compare(ROUND as usize, contenders)?;

    title("ranked set: iterate")?;
    let contenders = vec![
        Contender::new("structures::ranked_set::tree", || {
            tree.iter().for_each(|key| _ = black_box(key));
        }),
        Contender::new("indexset 0.18", || peer.iter().for_each(|key| _ = black_box(key))),
    ];
    compare(COUNT as usize, contenders)
}

fn new_scores(Sets { tree, peer, set }: &mut Sets) -> io::Result<()> {
    title("ranked set: a new score")?;
    // Each round gives the scores that the round before it took away.
    let rescored = |round: u32| {
        let (old, new) = (round % 2 * COUNT, (round + 1) % 2 * COUNT);
        members()
            .map(move |member| ((score_of(member + old), member), (score_of(member + new), member)))
    };
    let mut rounds = [0; 3];
    let [tree_round, peer_round, set_round] = &mut rounds;
    let contenders = vec![
        Contender::new("structures::ranked_set::tree", || {
            for (old, new) in rescored(*tree_round) {
                tree.remove(&old);
                tree.insert(new);
            }
            *tree_round += 1;
        }),
        Contender::new("indexset 0.18", || {
            for (old, new) in rescored(*peer_round) {
                peer.remove(&old);
                peer.insert(new);
            }
            *peer_round += 1;
        }),
        Contender::new("structures::ranked_set, 8 + 8 bytes and table", || {
            for (_, (score, member)) in rescored(*set_round) {
                let score = Score::new(f64::from(score)).expect("it is a number");
                set.insert(u64::from(member), score);
            }
            *set_round += 1;
        }),
    ];
    compare(ROUND as usize, contenders)
}

/// 25 million members: how long they take to come, how much memory, how fast ranks are then.
pub(crate) fn large() -> io::Result<()> {
    const MEMBERS: u32 = 25_000_000;
    title("ranked set, 25,000,000 members of 4 + 4 bytes")?;
    let start = Instant::now();
    let mut tree = RankTree::default();
    (0..MEMBERS).for_each(|member| _ = tree.insert(key_of(member)));
    let rate = f64::from(MEMBERS) / start.elapsed().as_secs_f64() / 1e6;
    let bytes = tree.memory_bytes() as f64;
    let each = bytes / f64::from(MEMBERS);
    note(&format!("inserted at random: {rate:.2} M/s, {:.0} MB, {each:.1} each", bytes / 1e6))?;
    let keys: Vec<(u32, u32)> = tree.iter().copied().collect();
    let packed = RankTree::from_sorted(keys).expect("they are in order");
    let bytes = packed.memory_bytes() as f64;
    let each = bytes / f64::from(MEMBERS);
    note(&format!("from a sorted list: {:.0} MB, {each:.1} each", bytes / 1e6))?;
    let members = || (0..ROUND).map(|number| number * (MEMBERS / ROUND));
    let contenders = vec![
        Contender::new("rank of a member", || {
            members().for_each(|member| _ = black_box(tree.rank(&key_of(member))));
        }),
        Contender::new("the same, from a sorted list", || {
            members().for_each(|member| _ = black_box(packed.rank(&key_of(member))));
        }),
        Contender::new("member of a rank", || {
            members().for_each(|rank| _ = black_box(tree.select(rank as usize)));
        }),
    ];
    compare(ROUND as usize, contenders)
}
