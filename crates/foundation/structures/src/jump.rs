//! Jump consistent hashing.
//!
//! Lamping and Veach, "A fast, minimal memory, consistent hash algorithm" (2014,
//! arXiv:1406.2294). No memory beside the list of servers, O(log n) steps, as even as chance, and
//! from n to n + 1 exactly the keys of the new server move. The price: servers are numbers, so they
//! come and go at the end of the list only, and all have one weight. For shards that are
//! numbered and do not fail on their own.

use crate::hash::{KeyHash, Xxh3};
use crate::membership::{Members, MembershipError, Placement, Server};

/// Keys on a list of servers by jumps.
///
/// Unlike elsewhere the order of the servers is that in which they were added, and it matters.
#[derive(Debug, Clone)]
pub struct Jump<H = Xxh3> {
    hash: H,
    servers: Vec<Server>,
}

impl Default for Jump {
    fn default() -> Self {
        Self::new(Xxh3)
    }
}

impl<H: KeyHash> Jump<H> {
    /// No servers yet.
    pub fn new(hash: H) -> Self {
        Self { hash, servers: Vec::new() }
    }
}

/// The bucket of a key among `buckets`, from 0; 0 if there are none.
#[must_use]
pub fn jump(key: u64, buckets: u32) -> u32 {
    let (mut state, mut bucket, mut next) = (key, 0, 0i64);
    while next < i64::from(buckets) {
        bucket = next as u32;
        state = state.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        let draw = (state >> 33) as f64 + 1.0;
        next = (f64::from(bucket + 1) * ((1u64 << 31) as f64 / draw)) as i64;
    }
    bucket
}

impl<H: KeyHash> Placement for Jump<H> {
    fn get(&self, key: &[u8]) -> Option<&Server> {
        self.servers.get(jump(self.hash.hash(key), self.servers.len() as u32) as usize)
    }

    fn servers(&self) -> &[Server] {
        &self.servers
    }

    fn add(&mut self, server: Server) -> Result<(), MembershipError> {
        if server.weight() != 1 {
            return Err(undefined("every server has weight 1"));
        }
        let mut known = Members::default();
        for member in self.servers.iter().chain([&server]) {
            known.add(member.clone())?;
        }
        self.servers.push(server);
        Ok(())
    }

    fn remove(&mut self, id: &str) -> Result<(), MembershipError> {
        match self.servers.iter().position(|server| server.id() == id) {
            None => Err(MembershipError::NotMember(id.to_owned())),
            Some(place) if place + 1 < self.servers.len() => {
                Err(undefined("only the server that was added last can be removed"))
            }
            Some(_) => {
                self.servers.pop();
                Ok(())
            }
        }
    }

    fn set_weight(&mut self, _id: &str, _weight: u32) -> Result<(), MembershipError> {
        Err(undefined("every server has weight 1"))
    }
}

fn undefined(why: &'static str) -> MembershipError {
    MembershipError::Undefined { method: "jump hashing", why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spread_testing::{Tally, keys};

    #[test]
    fn gives_the_reference_values() {
        // Of the tests of Google's own implementation in Guava and of those that copied it.
        let expected = [
            (1, 1, 0),
            (42, 57, 43),
            (0xdead_10cc, 1, 0),
            (0xdead_10cc, 666, 361),
            (256, 1024, 520),
        ];
        for (key, buckets, bucket) in expected {
            assert_eq!(jump(key, buckets), bucket, "{key} among {buckets}");
        }
        assert_eq!(jump(7, 0), 0);
    }

    #[test]
    fn one_more_server_takes_its_keys_and_no_others_move() {
        let mut old = Jump::default();
        (0..10).for_each(|id| old.add(Server::new(format!("s{id}"))).unwrap());
        let mut new = old.clone();
        new.add(Server::new("new")).unwrap();
        let moved = keys(20_000).filter(|key| {
            let (was, is) = (old.get(key), new.get(key));
            assert!(was == is || is.unwrap().id() == "new");
            was != is
        });
        let share = moved.count() as f64 / 20_000.0;
        assert!((share - 1.0 / 11.0).abs() < 0.01, "{share}");
        let deviation = Tally::count(&old, 100_000).deviation_percent();
        assert!(deviation < 2.0, "{deviation}");
    }

    #[test]
    fn only_the_end_of_the_list_changes() {
        let mut jump = Jump::default();
        assert_eq!(jump.get(b"key"), None);
        jump.add(Server::new("b")).unwrap();
        jump.add(Server::new("a")).unwrap();
        assert!(matches!(jump.remove("b"), Err(MembershipError::Undefined { .. })));
        assert!(matches!(jump.set_weight("b", 2), Err(MembershipError::Undefined { .. })));
        assert!(matches!(jump.add(Server::new("b")), Err(MembershipError::AlreadyMember(_))));
        assert!(matches!(jump.remove("c"), Err(MembershipError::NotMember(_))));
        jump.remove("a").unwrap();
        assert_eq!(jump.servers(), [Server::new("b")]);
    }
}
