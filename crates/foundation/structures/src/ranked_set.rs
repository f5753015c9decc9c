//! Members in the order of their scores, with the rank of each in O(log n).
//!
//! - [`RankedSet`]: members with a score each, as in a Redis sorted set: by score, and members of
//!   one score by their own order;
//! - [`tree::RankTree`]: only the order, for those who keep the scores elsewhere;
//! - [`Score`]: a number with an order, and no NaN.
//!
//! Where Redis has a skip list with spans, this is a B+ tree that counts (see [`tree`]): members of
//! neighbouring ranks lie side by side in memory, and there is no pointer for each.
//!
//! **Cost.** A change or a question is O(log n): about 4 levels for 25 million members. Iterating
//! is O(1) a member. **Memory**, for members of 8 bytes and a [`Score`] (8): 24 bytes a member in
//! the order if they came at random, 17 if they came in order; and 20 to 40 in the table from
//! member to score, which doubles as it grows. With members and scores of 4 bytes and the scores
//! elsewhere ([`tree::RankTree`] alone) 9 to 13 bytes a member: 25 million are 225 to 330 MB.

mod field;
pub mod tree;

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hash};
use std::ops::{Bound, Range, RangeBounds};

use siphasher::sip::SipHasher13;

pub use field::Field;

use crate::stored::{ReadError, Reader};
use tree::RankTree;

const VERSION: u8 = 1;

/// A score: any number, infinities too, but not NaN. 0 and -0 are the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score(f64);

impl Score {
    /// None for NaN.
    #[must_use]
    pub fn new(score: f64) -> Option<Self> {
        // Adding 0 makes 0 of -0.
        (!score.is_nan()).then_some(Self(score + 0.0))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Eq for Score {}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Members with a score each. The hasher is that of the table from member to score: with a fixed
/// key unless the caller gives one with a secret, which is advised where strangers choose members.
#[derive(Debug, Clone)]
pub struct RankedSet<M, S = Score, B = BuildHasherDefault<SipHasher13>> {
    scores: HashMap<M, S, B>,
    order: RankTree<(S, M)>,
}

impl<M, S, B: Default> Default for RankedSet<M, S, B> {
    fn default() -> Self {
        Self { scores: HashMap::default(), order: RankTree::default() }
    }
}

impl<M, S> RankedSet<M, S>
where
    M: Ord + Hash + Clone,
    S: Ord + Copy,
{
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl<M, S, B> RankedSet<M, S, B>
where
    M: Ord + Hash + Clone,
    S: Ord + Copy,
    B: BuildHasher,
{
    /// An empty set whose table hashes with this.
    pub fn with_hasher(hasher: B) -> Self {
        Self { scores: HashMap::with_hasher(hasher), order: RankTree::default() }
    }

    /// Gives a member a score, whether it is new or not; the score it had before.
    pub fn insert(&mut self, member: M, score: S) -> Option<S> {
        let before = self.scores.insert(member.clone(), score);
        match before {
            Some(before) if before == score => return Some(before),
            Some(before) => {
                let old = (before, member);
                self.order.remove(&old);
                self.order.insert((score, old.1));
            }
            None => _ = self.order.insert((score, member)),
        }
        before
    }

    /// Takes a member out; the score it had.
    pub fn remove<Q>(&mut self, member: &Q) -> Option<S>
    where
        M: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let (member, score) = self.scores.remove_entry(member)?;
        self.order.remove(&(score, member));
        Some(score)
    }

    /// A member's score.
    #[must_use]
    pub fn score<Q>(&self, member: &Q) -> Option<S>
    where
        M: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.scores.get(member).copied()
    }

    /// How many members stand before this one; the lowest has rank 0.
    #[must_use]
    pub fn rank<Q>(&self, member: &Q) -> Option<usize>
    where
        M: Borrow<Q>,
        Q: Hash + Ord + ?Sized,
    {
        let own = (self.score(member)?, member);
        Some(self.order.rank_where(|(score, member)| (*score, member.borrow()) < own))
    }

    /// The member of a rank.
    #[must_use]
    pub fn select(&self, rank: usize) -> Option<(&M, S)> {
        self.order.select(rank).map(|(score, member)| (member, *score))
    }

    /// How many members come before the first for which `is_before` is false. It must be true for
    /// the first members in order and false for all others: ranges of names within one score, say.
    pub fn rank_where(&self, is_before: impl Fn(&M, S) -> bool) -> usize {
        self.order.rank_where(|(score, member)| is_before(member, *score))
    }

    /// The members of these ranks, in order from either end; what is past the end is left out.
    pub fn range(&self, ranks: Range<usize>) -> impl DoubleEndedIterator<Item = (&M, S)> {
        self.order.range(ranks).map(|(score, member)| (member, *score))
    }

    /// The ranks of the members with these scores.
    pub fn ranks_of(&self, scores: impl RangeBounds<S>) -> Range<usize> {
        let first = match scores.start_bound() {
            Bound::Unbounded => 0,
            Bound::Included(start) => self.rank_where(|_, score| score < *start),
            Bound::Excluded(start) => self.rank_where(|_, score| score <= *start),
        };
        let end = match scores.end_bound() {
            Bound::Unbounded => self.len(),
            Bound::Included(end) => self.rank_where(|_, score| score <= *end),
            Bound::Excluded(end) => self.rank_where(|_, score| score < *end),
        };
        first..end.max(first)
    }

    /// The members with these scores, in order from either end.
    pub fn range_by_score(
        &self,
        scores: impl RangeBounds<S>,
    ) -> impl DoubleEndedIterator<Item = (&M, S)> {
        self.range(self.ranks_of(scores))
    }

    /// All members, in order from either end.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&M, S)> {
        self.range(0..self.len())
    }

    /// Takes out the first member.
    pub fn pop_first(&mut self) -> Option<(M, S)> {
        self.pop(0)
    }

    /// Takes out the last member.
    pub fn pop_last(&mut self) -> Option<(M, S)> {
        self.pop(self.len().checked_sub(1)?)
    }

    fn pop(&mut self, rank: usize) -> Option<(M, S)> {
        let key = self.order.select(rank)?.clone();
        self.order.remove(&key);
        self.scores.remove(&key.1);
        Some((key.1, key.0))
    }

    /// How many members there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<M, S, B> RankedSet<M, S, B>
where
    M: Ord + Hash + Clone + Field,
    S: Ord + Copy + Field,
    B: BuildHasher + Default,
{
    /// The stored form: version, number of members (8 bytes), then score and member of each, in
    /// order (see [`Field`]).
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend((self.len() as u64).to_le_bytes());
        for (member, score) in self.iter() {
            score.write(&mut bytes);
            member.write(&mut bytes);
        }
        bytes
    }

    /// Reads a stored form.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ReadError> {
        let mut reader = Reader::new(bytes, VERSION)?;
        let count = reader.u64()?;
        let mut rest = reader.rest();
        let least = (S::BYTES_MIN + M::BYTES_MIN).max(1) as u64;
        if count > rest.len() as u64 / least {
            return Err(ReadError::Length);
        }
        let mut key = || Some((S::read(&mut rest)?, M::read(&mut rest)?));
        let keys: Option<Vec<(S, M)>> = (0..count).map(|_| key()).collect();
        let keys = keys.ok_or(ReadError::Impossible("a score or a member is none"))?;
        if !rest.is_empty() {
            return Err(ReadError::Length);
        }
        let scores: HashMap<M, S, B> =
            keys.iter().map(|(score, member)| (member.clone(), *score)).collect();
        if scores.len() as u64 != count {
            return Err(ReadError::Impossible("a member is there twice"));
        }
        let order = RankTree::from_sorted(keys)
            .ok_or(ReadError::Impossible("the members are out of order"))?;
        Ok(Self { scores, order })
    }
}

#[cfg(test)]
mod tests;
