//! The servers of a key after the first: replicas, other zones, and what to do about those that
//! are down.

use super::Ring;
use super::points::Points;
use crate::hash::KeyHash;
use crate::membership::Server;

/// What the replicas of a key must not share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distinct {
    /// A server.
    Servers,
    /// A zone, as long as there are zones left; then a server. A server without a zone is a zone
    /// of its own.
    Zones,
}

/// The preference list of a key: its owner, then where its copies go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replicas<'r> {
    /// Distinct servers, the coordinator first.
    pub servers: Vec<&'r Server>,
    /// Fewer than were asked for, because there are no more with weight.
    pub short_of_servers: bool,
    /// Some of them share a zone, because there are no more zones. Only with [`Distinct::Zones`].
    pub zones_repeat: bool,
}

/// Distinct servers clockwise from a key. Made by [`Ring::walk`].
#[derive(Debug, Clone)]
pub struct Walk<'r> {
    servers: &'r [Server],
    points: &'r Points,
    /// The next point to look at, and how many are left.
    next: usize,
    left: usize,
    seen: Seen,
}

impl<H: KeyHash> Ring<H> {
    /// The distinct servers clockwise from a key, its owner first. Points of servers that were met
    /// before are passed over.
    pub fn walk(&self, key: &[u8]) -> Walk<'_> {
        self.walk_from(self.position(key))
    }

    /// [`Ring::walk`] from a position.
    pub fn walk_from(&self, position: u64) -> Walk<'_> {
        let (servers, points) = (self.members.as_slice(), &self.points);
        let next = points.first_from(position).unwrap_or(0);
        Walk { servers, points, next, left: points.len(), seen: Seen::none_of(servers.len()) }
    }

    /// The first `count` servers of a key that differ as asked. Too few of them is said in the
    /// answer and is no error.
    #[must_use]
    pub fn replicas(&self, key: &[u8], count: usize, distinct: Distinct) -> Replicas<'_> {
        let mut chosen: Vec<&Server> = Vec::with_capacity(count.min(self.members.len()));
        let mut passed_over = Vec::new();
        for server in self.walk(key) {
            if chosen.len() == count {
                break;
            }
            let shares_zone = distinct == Distinct::Zones
                && chosen.iter().any(|other| other.zone_or_self() == server.zone_or_self());
            if shares_zone { passed_over.push(server) } else { chosen.push(server) }
        }
        let missing = count - chosen.len();
        let zones_repeat = missing > 0 && !passed_over.is_empty();
        chosen.extend(passed_over.into_iter().take(missing));
        let short_of_servers = chosen.len() < count;
        Replicas { servers: chosen, short_of_servers, zones_repeat }
    }

    /// The first server of the walk that is not down: a temporary owner, the ring unchanged. Keys
    /// of servers that are up stay where they are.
    #[must_use]
    pub fn get_up(&self, key: &[u8], is_down: impl Fn(&Server) -> bool) -> Option<&Server> {
        // Nearly always the owner is up, and then there is nothing to remember.
        match self.get(key) {
            Some(owner) if is_down(owner) => self.walk(key).skip(1).find(|other| !is_down(other)),
            owner => owner,
        }
    }
}

impl<'r> Iterator for Walk<'r> {
    type Item = &'r Server;

    fn next(&mut self) -> Option<Self::Item> {
        while self.left > 0 && !self.seen.is_full() {
            let owner = self.points.owner_at(self.next) as usize;
            self.next = if self.next + 1 == self.points.len() { 0 } else { self.next + 1 };
            self.left -= 1;
            if self.seen.insert(owner) {
                return Some(&self.servers[owner]);
            }
        }
        None
    }
}

/// Which servers a walk has met: a bit each.
#[derive(Debug, Clone)]
struct Seen {
    words: Vec<u64>,
    unseen: usize,
}

impl Seen {
    fn none_of(count: usize) -> Self {
        Self { words: vec![0; count.div_ceil(64)], unseen: count }
    }

    fn insert(&mut self, index: usize) -> bool {
        let (word, mask) = (&mut self.words[index / 64], 1 << (index % 64));
        let is_new = *word & mask == 0;
        *word |= mask;
        self.unseen -= usize::from(is_new);
        is_new
    }

    fn is_full(&self) -> bool {
        self.unseen == 0
    }
}
