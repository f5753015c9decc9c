//! `hash(key) % n`: what consistent hashing is compared with.
//!
//! Perfectly even and without memory, but a change from n to n + 1 servers moves n / (n + 1) of all
//! keys: with a cache behind it, a storm of misses. Servers keep the order of their ids. A look-up
//! is one hash and one remainder.

use crate::hash::{KeyHash, Xxh3};
use crate::membership::{Members, MembershipError, Placement, Replicated, Server};

/// Keys on servers by remainder.
#[derive(Debug, Clone)]
pub struct Modulo<H = Xxh3> {
    hash: H,
    members: Members,
}

impl Default for Modulo {
    fn default() -> Self {
        Self::new(Xxh3)
    }
}

impl<H: KeyHash> Modulo<H> {
    /// No servers yet.
    pub fn new(hash: H) -> Self {
        Self { hash, members: Members::default() }
    }

    /// The index of a key's server; none if there are no servers.
    fn index(&self, key: &[u8]) -> Option<usize> {
        let index = self.hash.hash(key).checked_rem(self.members.len() as u64)?;
        Some(index as usize)
    }
}

impl<H: KeyHash> Placement for Modulo<H> {
    fn get(&self, key: &[u8]) -> Option<&Server> {
        self.index(key).map(|index| &self.members.as_slice()[index])
    }

    fn servers(&self) -> &[Server] {
        self.members.as_slice()
    }

    fn add(&mut self, server: Server) -> Result<(), MembershipError> {
        only_weight_one(server.weight())?;
        self.members.add(server).map(|_| ())
    }

    fn remove(&mut self, id: &str) -> Result<(), MembershipError> {
        self.members.remove(id).map(|_| ())
    }

    fn set_weight(&mut self, id: &str, weight: u32) -> Result<(), MembershipError> {
        only_weight_one(weight)?;
        self.members.find(id).map(|_| ())
    }
}

impl<H: KeyHash> Replicated for Modulo<H> {
    /// The owner and those after it in the order of the ids.
    fn get_n(&self, key: &[u8], count: usize) -> Vec<&Server> {
        let servers = self.members.as_slice();
        let first = self.index(key).unwrap_or(0);
        servers[first..].iter().chain(&servers[..first]).take(count).collect()
    }
}

fn only_weight_one(weight: u32) -> Result<(), MembershipError> {
    let why = "every server has weight 1";
    if weight == 1 { Ok(()) } else { Err(MembershipError::Undefined { method: "modulo", why }) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    /// The worked example's hashes, by key.
    struct Table(HashMap<Vec<u8>, u64>);

    impl KeyHash for Table {
        fn hash(&self, bytes: &[u8]) -> u64 {
            self.0[bytes]
        }
    }

    const HASHES: [u64; 8] = [
        18_358_617, 26_143_584, 18_131_146, 35_863_496, 34_085_809, 27_581_703, 38_164_978,
        22_530_351,
    ];

    fn keys() -> impl Iterator<Item = String> {
        (0..8).map(|key| format!("key{key}"))
    }

    fn placed_on(ids: &[&str]) -> Modulo<Table> {
        let hashes = keys().map(String::into_bytes).zip(HASHES).collect();
        let mut modulo = Modulo::new(Table(hashes));
        ids.iter().for_each(|id| modulo.add(Server::new(*id)).unwrap());
        modulo
    }

    fn indices(modulo: &Modulo<Table>) -> Vec<usize> {
        keys().map(|key| modulo.index(key.as_bytes()).unwrap()).collect()
    }

    #[test]
    fn losing_one_of_four_servers_moves_five_of_eight_keys() {
        let four = placed_on(&["0", "1", "2", "3"]);
        let three = placed_on(&["0", "2", "3"]);
        assert_eq!(indices(&four), [1, 0, 2, 0, 1, 3, 2, 3]);
        assert_eq!(indices(&three), [0, 0, 1, 2, 1, 0, 1, 0]);
        let pairs = || indices(&four).into_iter().zip(indices(&three));
        assert_eq!(pairs().filter(|(before, after)| before != after).count(), 6);
        let moved: Vec<String> =
            keys().filter(|key| four.get(key.as_bytes()) != three.get(key.as_bytes())).collect();
        assert_eq!(moved, ["key0", "key3", "key4", "key5", "key7"]);
        assert_eq!(crate::membership::movement(&four, &three, keys()).moved, 5);
    }

    #[test]
    fn replicas_are_the_next_ones_and_an_empty_set_has_none() {
        let four = placed_on(&["0", "1", "2", "3"]);
        let ids =
            |count| four.get_n(b"key5", count).into_iter().map(Server::id).collect::<Vec<_>>();
        assert_eq!(ids(2), ["3", "0"]);
        assert_eq!(ids(9), ["3", "0", "1", "2"]);
        let none = placed_on(&[]);
        assert_eq!((none.get(b"key0"), none.get_n(b"key0", 2)), (None, vec![]));
    }

    #[test]
    fn weights_are_refused() {
        let mut four = placed_on(&["0"]);
        assert!(matches!(four.set_weight("0", 2), Err(MembershipError::Undefined { .. })));
        let twice = four.add(Server::new("0"));
        assert_eq!(twice, Err(MembershipError::AlreadyMember("0".to_owned())));
    }
}
