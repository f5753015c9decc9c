//! The exact ranges of hashes that change owner between two rings, for those who move the data.
//!
//! Between two neighbouring points of either ring all positions have one owner in each. So one
//! pass over both lists of points, in O(points), gives every range; neighbours that move between
//! the same two servers are one range. Any two rings can be compared, however many changes lie
//! between them.

use std::iter;

use super::Ring;
use crate::hash::KeyHash;
use crate::membership::Server;

/// An arc of the circle: the positions after `after`, up to and with `through`, going clockwise.
/// With both equal it is the whole circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arc {
    /// The last position before the arc.
    pub after: u64,
    /// The last position of the arc.
    pub through: u64,
}

/// An arc that changes owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved<'r> {
    /// Which positions.
    pub arc: Arc,
    /// Who has them now; none if the old ring is empty.
    pub from: Option<&'r Server>,
    /// Who is to have them; none if the new ring is empty.
    pub to: Option<&'r Server>,
}

impl Arc {
    /// Whether a position lies in it.
    #[must_use]
    pub fn contains(&self, position: u64) -> bool {
        // Counted from the start, so that passing the end of the numbers is nothing special.
        let offset = position.wrapping_sub(self.after).wrapping_sub(1);
        u128::from(offset) < self.len()
    }

    /// How many positions it has: from 1 to 2^64.
    #[must_use]
    pub fn len(&self) -> u128 {
        match self.through.wrapping_sub(self.after) {
            0 => 1 << 64,
            len => u128::from(len),
        }
    }

    /// Never: an arc has at least one position.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Its share of the circle, from 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.len() as f64 / (1u128 << 64) as f64
    }
}

/// What moves when `old` becomes `new`, clockwise. The arcs are disjoint, and no two that touch
/// have the same old and new owner.
///
/// Both rings must hash keys alike: the positions of one mean nothing to the other otherwise.
#[must_use]
pub fn diff<'r, H: KeyHash>(old: &'r Ring<H>, new: &'r Ring<H>) -> Vec<Moved<'r>> {
    debug_assert_eq!(old.hash.fingerprint(), new.hash.fingerprint(), "one hash for both rings");
    let mut bounds: Vec<u64> =
        old.points.iter().chain(new.points.iter()).map(|(position, _)| position).collect();
    bounds.sort_unstable();
    bounds.dedup();
    let Some(&last) = bounds.last() else { return Vec::new() };
    let before = iter::once(last).chain(bounds.iter().copied());
    let mut moves: Vec<Moved<'_>> = Vec::new();
    for (after, &through) in before.zip(&bounds) {
        let (from, to) = (old.owner_of(through), new.owner_of(through));
        if from.map(Server::id) == to.map(Server::id) {
            continue;
        }
        let moved = Moved { arc: Arc { after, through }, from, to };
        match moves.last_mut() {
            Some(last) if last.is_followed_by(&moved) => last.arc.through = through,
            _ => moves.push(moved),
        }
    }
    join_ends(&mut moves);
    moves
}

/// The last arc and the first may be one, cut at the highest point.
fn join_ends(moves: &mut Vec<Moved<'_>>) {
    if let [first, .., last] = moves.as_mut_slice()
        && last.is_followed_by(first)
    {
        first.arc.after = last.arc.after;
        moves.pop();
    }
}

impl Moved<'_> {
    fn is_followed_by(&self, next: &Moved<'_>) -> bool {
        self.arc.through == next.arc.after && self.owners() == next.owners()
    }

    fn owners(&self) -> (Option<&str>, Option<&str>) {
        (self.from.map(Server::id), self.to.map(Server::id))
    }
}
