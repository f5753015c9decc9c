//! Maglev hashing: a look-up table that each server fills in its own order.
//!
//! Eisenbud et al., "Maglev: a fast and reliable software network load balancer" (NSDI 2016,
//! section 3.4). Every server has a permutation of the M places of the table, from two hashes of
//! its id. In turns each takes the first place of its permutation that is free. With M a prime far
//! above the number of servers the shares differ by one place at most, and a look-up is one hash
//! and one load. A change moves slightly more keys than it must: about 1 to 2 % of those of the
//! other servers with M = 65,537. Weights are the number of turns a round.
//!
//! Cost: M entries of two bytes, 128 KiB by default. A change refills the table: O(M ln M), about
//! 2 ms. No order of servers for replicas is defined.

use crate::hash::{KeyHash, Xxh3, mix, scale};
use crate::membership::{Members, MembershipError, Placement, Server};

/// The paper's small table.
pub const DEFAULT_TABLE_SIZE: u32 = 65_537;

/// The paper's large table.
pub const MAX_TABLE_SIZE: u32 = 655_373;

/// Keys on servers by table.
#[derive(Debug, Clone)]
pub struct Maglev<H = Xxh3> {
    hash: H,
    members: Members,
    size: u32,
    /// The place of the owner among the members; empty while nobody has weight.
    table: Vec<u16>,
}

impl Default for Maglev {
    fn default() -> Self {
        Self::empty(Xxh3, DEFAULT_TABLE_SIZE)
    }
}

impl<H> Maglev<H> {
    fn empty(hash: H, size: u32) -> Self {
        Self { hash, members: Members::default(), size, table: Vec::new() }
    }
}

impl<H: KeyHash> Maglev<H> {
    /// No servers yet, and a table of `size` places: a prime, a hundred times the servers or more.
    ///
    /// # Errors
    /// [`MembershipError::Undefined`] if it is no prime, or above [`MAX_TABLE_SIZE`].
    pub fn new(hash: H, size: u32) -> Result<Self, MembershipError> {
        if size > MAX_TABLE_SIZE || !is_prime(size) {
            return Err(undefined("its table has a prime number of places, at most 655,373"));
        }
        Ok(Self::empty(hash, size))
    }

    /// Makes a change and refills the table.
    fn change(
        &mut self,
        change: impl FnOnce(&mut Members) -> Result<usize, MembershipError>,
    ) -> Result<(), MembershipError> {
        let mut members = self.members.clone();
        change(&mut members)?;
        let weight = members.total_weight();
        if weight > u64::from(self.size) {
            return Err(undefined("its table has fewer places than the servers have weight"));
        }
        let turns: Vec<Turns> =
            members.as_slice().iter().map(|server| self.turns_of(server)).collect();
        self.table = if weight == 0 { Vec::new() } else { fill(self.size, turns) };
        self.members = members;
        Ok(())
    }

    fn turns_of(&self, server: &Server) -> Turns {
        let hash = self.hash.hash(server.id().as_bytes());
        let size = u64::from(self.size);
        let (next, skip) = (scale(hash, size), scale(mix(hash), size - 1) + 1);
        Turns { next: next as u32, skip: skip as u32, each_round: server.weight() }
    }
}

/// A server's way through its permutation.
struct Turns {
    next: u32,
    skip: u32,
    each_round: u32,
}

/// The paper's pseudocode 1; somebody has a turn.
fn fill(size: u32, mut servers: Vec<Turns>) -> Vec<u16> {
    const FREE: u16 = u16::MAX;
    let mut table = vec![FREE; size as usize];
    let mut free = size;
    loop {
        for (server, turns) in servers.iter_mut().enumerate() {
            for _ in 0..turns.each_round {
                while table[turns.next as usize] != FREE {
                    turns.next = (turns.next + turns.skip) % size;
                }
                table[turns.next as usize] = server as u16;
                free -= 1;
                if free == 0 {
                    return table;
                }
            }
        }
    }
}

fn is_prime(number: u32) -> bool {
    let divides = |divisor| number.is_multiple_of(divisor);
    number > 1 && !(2..).take_while(|divisor| divisor * divisor <= number).any(divides)
}

fn undefined(why: &'static str) -> MembershipError {
    MembershipError::Undefined { method: "Maglev hashing", why }
}

impl<H: KeyHash> Placement for Maglev<H> {
    #[inline]
    fn get(&self, key: &[u8]) -> Option<&Server> {
        let place = scale(self.hash.hash(key), self.table.len() as u64) as usize;
        self.table.get(place).map(|owner| &self.members.as_slice()[usize::from(*owner)])
    }

    fn servers(&self) -> &[Server] {
        self.members.as_slice()
    }

    fn add(&mut self, server: Server) -> Result<(), MembershipError> {
        self.change(|members| members.add(server))
    }

    fn remove(&mut self, id: &str) -> Result<(), MembershipError> {
        self.change(|members| members.remove(id))
    }

    fn set_weight(&mut self, id: &str, weight: u32) -> Result<(), MembershipError> {
        self.change(|members| members.set_weight(id, weight))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::movement;
    use crate::spread_testing::{Tally, keys};

    #[test]
    fn the_papers_example_comes_out() {
        // Table 1 of the paper: seven places, three backends, then the second of them gone.
        let turns = |(next, skip)| Turns { next, skip, each_round: 1 };
        assert_eq!(fill(7, [(3, 4), (0, 2), (3, 1)].map(turns).into()), [1, 0, 1, 0, 2, 2, 0]);
        assert_eq!(fill(7, [(3, 4), (3, 1)].map(turns).into()), [0, 0, 0, 0, 1, 1, 1]);
    }

    #[test]
    fn shares_differ_by_one_place_and_a_change_moves_little_more_than_it_must() {
        let mut maglev = Maglev::default();
        (0..10).for_each(|id| maglev.add(Server::new(format!("s{id}"))).unwrap());
        let places = |owner| maglev.table.iter().filter(|of| **of == owner).count();
        assert!((0..10).all(|owner| (6553..=6554).contains(&places(owner))));
        let mut fewer = maglev.clone();
        fewer.remove("s3").unwrap();
        let share = movement(&maglev, &fewer, keys(50_000)).share();
        assert!((0.09..0.13).contains(&share), "{share}");
    }

    #[test]
    fn places_are_in_proportion_to_weights() {
        let mut maglev = Maglev::default();
        maglev.add(Server::new("small")).unwrap();
        maglev.add(Server::new("large").with_weight(3)).unwrap();
        let tally = Tally::count(&maglev, 40_000);
        assert!((tally.of("large") as f64 / 40_000.0 - 0.75).abs() < 0.01);
        maglev.set_weight("large", 0).unwrap();
        assert_eq!(Tally::count(&maglev, 1000).of("large"), 0);
        maglev.set_weight("small", 0).unwrap();
        assert_eq!(maglev.get(b"key"), None);
    }

    #[test]
    fn the_table_has_a_prime_size_that_holds_all_servers() {
        for size in [0, 1, 4, 65_536, 655_374] {
            assert!(Maglev::new(Xxh3, size).is_err(), "{size}");
        }
        let mut small = Maglev::new(Xxh3, 3).unwrap();
        small.add(Server::new("a").with_weight(3)).unwrap();
        assert!(matches!(small.add(Server::new("b")), Err(MembershipError::Undefined { .. })));
        assert_eq!(small.servers().len(), 1);
    }
}
