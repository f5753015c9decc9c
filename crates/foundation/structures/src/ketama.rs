//! Ketama: the ring of Memcached clients, so that keys stay where those clients put them.
//!
//! Jones, "libketama" (2007), as libmemcached (`MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED`) and twemproxy
//! (`distribution: ketama`) do it: a circle of 2^32, MD5 for points and keys, 160 points a server
//! on average. The sums over weights are in single precision, like theirs, since a point more or
//! less moves keys. Checked against libmemcached with 10,000 keys (`tests/data`).
//!
//! Name a server as those clients do: the host alone on the default port 11211, else `host:port`;
//! in twemproxy the name that the configuration gives it.
//!
//! For new systems take the [`ring`](crate::ring): there a change of weight or of the number of
//! servers shifts no other server's points, which Ketama's shares of 160 can.

use md5::{Digest, Md5};

use crate::membership::{Members, MembershipError, Placement, Server};

/// Points of a server on average.
const POINTS_A_SERVER: f32 = 160.0;
/// An MD5 gives four points of four bytes.
const POINTS_A_HASH: u32 = 4;
/// Most points, so that a change takes a second at most.
const MAX_SERVERS: usize = 16_384;

/// Keys on servers as a Memcached client places them.
#[derive(Debug, Clone, Default)]
pub struct Ketama {
    members: Members,
    /// Position and place among the members, in order.
    points: Vec<(u32, u32)>,
}

impl Ketama {
    /// With these servers. Quicker than adding them one by one.
    ///
    /// # Errors
    /// [`MembershipError`].
    pub fn with_servers(
        servers: impl IntoIterator<Item = Server>,
    ) -> Result<Self, MembershipError> {
        let mut members = Members::default();
        for server in servers {
            members.add(server)?;
        }
        Self::of(members)
    }

    fn of(members: Members) -> Result<Self, MembershipError> {
        if members.len() > MAX_SERVERS {
            let (wanted, most) = (members.len() as u64, MAX_SERVERS as u64);
            return Err(MembershipError::OutOfRange { what: "servers", wanted, least: 0, most });
        }
        let total = members.total_weight() as f32;
        let count = members.as_slice().iter().filter(|server| server.weight() > 0).count() as f32;
        let mut points = Vec::new();
        for (server, place) in members.as_slice().iter().zip(0..) {
            let share = if total > 0.0 { server.weight() as f32 / total } else { 0.0 };
            let hashes = (share * POINTS_A_SERVER / POINTS_A_HASH as f32 * count + 1e-10).floor();
            for index in 0..hashes as u32 {
                let digest = Md5::digest(format!("{}-{index}", server.id()));
                let parts = digest.as_slice().as_chunks::<4>().0.iter();
                points.extend(parts.map(|part| (u32::from_le_bytes(*part), place)));
            }
        }
        points.sort_unstable();
        Ok(Self { members, points })
    }

    fn change(
        &mut self,
        change: impl FnOnce(&mut Members) -> Result<usize, MembershipError>,
    ) -> Result<(), MembershipError> {
        let mut members = self.members.clone();
        change(&mut members)?;
        *self = Self::of(members)?;
        Ok(())
    }
}

impl Placement for Ketama {
    fn get(&self, key: &[u8]) -> Option<&Server> {
        let digest = Md5::digest(key);
        let position = u32::from_le_bytes(*digest.as_slice().first_chunk()?);
        let next = self.points.partition_point(|(point, _)| *point < position);
        let (_, place) = self.points.get(next).or_else(|| self.points.first())?;
        Some(&self.members.as_slice()[*place as usize])
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

    /// The servers of `tests/data/ketama_reference.py`, in its order.
    const NAMES: [&str; 5] =
        ["10.0.1.1", "10.0.1.2", "10.0.1.3:11212", "cache-four", "cache-five:11300"];

    fn agrees(weights: [u32; 5], expected: &str) {
        let servers = NAMES.iter().zip(weights);
        let servers = servers.map(|(name, weight)| Server::new(*name).with_weight(weight));
        let ketama = Ketama::with_servers(servers).unwrap();
        let digits: Vec<char> = expected.chars().filter(char::is_ascii_digit).collect();
        assert_eq!(digits.len(), 10_000);
        for (key, digit) in digits.into_iter().enumerate() {
            let owner = ketama.get(format!("user:{key}").as_bytes()).unwrap();
            assert_eq!(owner.id(), NAMES[digit.to_digit(10).unwrap() as usize], "user:{key}");
        }
    }

    #[test]
    fn places_ten_thousand_keys_where_libmemcached_does() {
        agrees([1; 5], include_str!("../tests/data/ketama_equal.txt"));
    }

    #[test]
    fn also_with_weights() {
        agrees([1, 2, 5, 3, 1], include_str!("../tests/data/ketama_weighted.txt"));
    }

    #[test]
    fn an_empty_or_drained_set_has_no_server() {
        let mut ketama = Ketama::default();
        assert_eq!(ketama.get(b"key"), None);
        ketama.add(Server::new("a")).unwrap();
        assert_eq!(ketama.get(b"key").unwrap().id(), "a");
        ketama.set_weight("a", 0).unwrap();
        assert_eq!(ketama.get(b"key"), None);
        ketama.remove("a").unwrap();
        assert!(ketama.servers().is_empty());
    }
}
