//! A consistent-hash ring: keys on a changing set of servers, where a change moves about 1/n of
//! them and no others.
//!
//! Karger et al., "Consistent hashing and random trees" (1997). The 2^64 hashes form a circle. A
//! server stands at V points of it for each unit of its weight, a key at one, and the first point
//! clockwise from the key (at it or after it, past the end the lowest) is its server's.
//!
//! - [`Ring::walk`], [`Ring::replicas`]: the servers after the first, in other zones too;
//! - [`Ring::get_up`]: the owner when some servers are down, without a change of the ring;
//! - [`bounded`]: no server above (1 + e) times its share of the load;
//! - [`diff`]: the exact ranges of hashes that a change moves, from where to where;
//! - [`shares`]: how evenly the circle is divided;
//! - [`live`]: the current ring for readers that never wait, while others change it;
//! - [`damping`]: when a server that flaps is skipped, and when it is given up.
//!
//! **Spread.** The relative standard deviation of the shares of n servers with V points each is
//! sqrt((1 - 1/n) / V): for ten servers 9.5 % with 100 points, 6.7 % with 200, 3.0 % with 1,000.
//!
//! **Cost.** 12 bytes a point and 4 bytes a bucket of the index, at most one bucket a point: 1,000
//! servers of 200 points take 2.9 MB. A look-up hashes the key once and looks into the bucket of
//! its top bits, which holds one or two points: O(1) expected, O(log n) at worst. A change is
//! O(points): the points of one server are merged with those of the others.
//!
//! **Agreement.** The points of a server are `hash("{id}_{index}")`, index from 0, in decimal.
//! Points at one position are ordered by the ids of their servers. So equal members give equal
//! rings in every process and language, whatever the order they were added in
//! ([`Ring::checksum`]).
//!
//! One key is never split: spread a very hot one by a suffix of its copies, by bounded loads or by
//! reading its replicas.

pub mod bounded;
pub mod damping;
pub mod diff;
mod format;
pub mod live;
mod points;
pub mod shares;
mod walk;

pub use walk::{Distinct, Replicas, Walk};

use std::fmt::Write as _;

use crate::hash::{KeyHash, Xxh3};
use crate::membership::{Members, MembershipError, Placement, Replicated, Server};
use points::Points;

/// Points of a server of weight 1, unless told otherwise.
pub const DEFAULT_VIRTUAL_NODES: u32 = 200;

/// Most points of a ring: 4 million, 50 to 70 MB.
pub const MAX_POINTS: u64 = 1 << 22;

/// A ring, unchanging while it is read: publish a changed copy with [`live::LiveRing`].
#[derive(Debug, Clone)]
pub struct Ring<H = Xxh3> {
    hash: H,
    virtual_nodes: u32,
    version: u64,
    members: Members,
    points: Points,
}

impl Default for Ring {
    fn default() -> Self {
        Self::empty(Xxh3, DEFAULT_VIRTUAL_NODES)
    }
}

impl<H> Ring<H> {
    fn empty(hash: H, virtual_nodes: u32) -> Self {
        let (members, points) = (Members::default(), Points::default());
        Self { hash, virtual_nodes, version: 0, members, points }
    }
}

impl<H: KeyHash> Ring<H> {
    /// An empty ring with `virtual_nodes` points for each unit of weight: more of them spread keys
    /// more evenly and take more memory.
    ///
    /// # Errors
    /// [`MembershipError::OutOfRange`] for none, or more than [`MAX_POINTS`].
    pub fn new(hash: H, virtual_nodes: u32) -> Result<Self, MembershipError> {
        let wanted = u64::from(virtual_nodes);
        if !(1..=MAX_POINTS).contains(&wanted) {
            let what = "points of a server";
            return Err(MembershipError::OutOfRange { what, wanted, least: 1, most: MAX_POINTS });
        }
        Ok(Self::empty(hash, virtual_nodes))
    }

    /// A ring of these servers, at version 1. Quicker than adding them one by one.
    ///
    /// # Errors
    /// [`MembershipError`].
    pub fn with_servers(
        hash: H,
        virtual_nodes: u32,
        servers: impl IntoIterator<Item = Server>,
    ) -> Result<Self, MembershipError> {
        let mut ring = Self::new(hash, virtual_nodes)?;
        for server in servers {
            ring.members.add(server)?;
        }
        ring.check_points(ring.members.total_weight())?;
        ring.points = ring.points_of_all();
        ring.version = 1;
        Ok(ring)
    }

    /// Adds a server: keys move to it, and between no two others.
    ///
    /// # Errors
    /// [`MembershipError`]; a member is never added twice.
    pub fn add(&mut self, server: Server) -> Result<(), MembershipError> {
        let place = self.members.place_for(&server)?;
        self.check_points(self.members.total_weight() + u64::from(server.weight()))?;
        let first = place as u32;
        self.points.renumber(|owner| owner + u32::from(owner >= first));
        self.points.insert(self.points_of(&server, first));
        self.members.insert(place, server);
        self.count_change();
        Ok(())
    }

    /// Removes a server: its keys move to the next servers clockwise of its points, all others
    /// stay.
    ///
    /// # Errors
    /// [`MembershipError::NotMember`].
    pub fn remove(&mut self, id: &str) -> Result<(), MembershipError> {
        let gone = self.members.remove(id)? as u32;
        self.points.remove(gone);
        self.points.renumber(|owner| owner - u32::from(owner > gone));
        self.count_change();
        Ok(())
    }

    /// Changes a server's weight: the points it keeps stay where they are. Weight 0 drains it.
    ///
    /// # Errors
    /// [`MembershipError`].
    pub fn set_weight(&mut self, id: &str, weight: u32) -> Result<(), MembershipError> {
        let place = self.members.find(id)?;
        let server = self.members.as_slice()[place].clone().with_weight(weight);
        let before = u64::from(self.members.as_slice()[place].weight());
        self.check_points(self.members.total_weight() - before + u64::from(weight))?;
        self.points.remove(place as u32);
        self.points.insert(self.points_of(&server, place as u32));
        self.members.set_weight(id, weight)?;
        self.count_change();
        Ok(())
    }

    /// Where a key stands on the circle.
    #[inline]
    #[must_use]
    pub fn position(&self, key: &[u8]) -> u64 {
        self.hash.hash(key)
    }

    /// The server of a key; none while no server has weight.
    #[inline]
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<&Server> {
        self.owner_of(self.position(key))
    }

    /// The server of every key that stands at `position`.
    #[inline]
    #[must_use]
    pub fn owner_of(&self, position: u64) -> Option<&Server> {
        let owner = self.points.owner_of(position)?;
        Some(&self.members.as_slice()[owner as usize])
    }

    /// The members in the order of their ids.
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        self.members.as_slice()
    }

    /// A member.
    #[must_use]
    pub fn server(&self, id: &str) -> Option<&Server> {
        self.members.find(id).ok().map(|place| &self.members.as_slice()[place])
    }

    /// Points of a server of weight 1.
    #[must_use]
    pub fn virtual_nodes(&self) -> u32 {
        self.virtual_nodes
    }

    /// Every point with its server, clockwise from 0.
    pub fn points(&self) -> impl ExactSizeIterator<Item = (u64, &Server)> {
        let servers = self.members.as_slice();
        self.points.iter().map(|(position, owner)| (position, &servers[owner as usize]))
    }

    /// Bytes of memory that points and index take, capacity in reserve included.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.points.memory_bytes()
    }

    /// Counts the changes since the ring was made. Compare it and the [`checksum`](Self::checksum)
    /// with those of a caller ([`Epoch`]) to find out who is behind.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Says that this ring is the `version`th of a history kept elsewhere, such as a consensus
    /// store's.
    #[must_use]
    pub fn with_version(self, version: u64) -> Self {
        Self { version, ..self }
    }

    /// Of hash, points of a server and members with their zones; not of the version. Those of rings
    /// that differ in any of it differ too, but for a chance of 2^-64.
    #[must_use]
    pub fn checksum(&self) -> u64 {
        let mut bytes = Vec::new();
        self.write_membership(&mut bytes);
        Xxh3.hash(&bytes)
    }

    /// Version and checksum, to send along with each call. O(members): ask once for a ring.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        Epoch { version: self.version, checksum: self.checksum() }
    }

    fn count_change(&mut self) {
        // Nobody changes a ring 2^64 times; what is read from a store may begin at any number.
        self.version = self.version.saturating_add(1);
    }

    fn check_points(&self, weight: u64) -> Result<(), MembershipError> {
        let wanted = weight.saturating_mul(u64::from(self.virtual_nodes));
        if wanted > MAX_POINTS {
            let what = "points of the ring";
            return Err(MembershipError::OutOfRange { what, wanted, least: 0, most: MAX_POINTS });
        }
        Ok(())
    }

    /// The points of one server, in no order.
    fn points_of(&self, server: &Server, owner: u32) -> Vec<(u64, u32)> {
        let mut label = format!("{}_", server.id());
        let index_at = label.len();
        let point = |index: u32| {
            label.truncate(index_at);
            // Writing to a text cannot fail.
            let _ = write!(label, "{index}");
            (self.hash.hash(label.as_bytes()), owner)
        };
        (0..self.virtual_nodes * server.weight()).map(point).collect()
    }

    fn points_of_all(&self) -> Points {
        let servers = self.members.as_slice().iter().zip(0..);
        let mut points = Points::default();
        points.insert(servers.flat_map(|(server, owner)| self.points_of(server, owner)).collect());
        points
    }
}

/// Which ring somebody goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    /// See [`Ring::version`].
    pub version: u64,
    /// See [`Ring::checksum`].
    pub checksum: u64,
}

/// What to do about somebody else's ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Agreement {
    /// Both place every key alike.
    Same,
    /// Theirs is older: tell them to fetch ours.
    TheyAreBehind,
    /// Ours is older: fetch theirs.
    WeAreBehind,
    /// One version, different members: two histories, to be settled where members are decided.
    Conflict,
}

impl Epoch {
    /// Compares our ring with theirs.
    #[must_use]
    pub fn agreement_with(self, theirs: Epoch) -> Agreement {
        if self.checksum == theirs.checksum {
            return Agreement::Same;
        }
        match self.version.cmp(&theirs.version) {
            std::cmp::Ordering::Less => Agreement::WeAreBehind,
            std::cmp::Ordering::Greater => Agreement::TheyAreBehind,
            std::cmp::Ordering::Equal => Agreement::Conflict,
        }
    }
}

impl<H: KeyHash> Placement for Ring<H> {
    fn get(&self, key: &[u8]) -> Option<&Server> {
        Ring::get(self, key)
    }

    fn servers(&self) -> &[Server] {
        Ring::servers(self)
    }

    fn add(&mut self, server: Server) -> Result<(), MembershipError> {
        Ring::add(self, server)
    }

    fn remove(&mut self, id: &str) -> Result<(), MembershipError> {
        Ring::remove(self, id)
    }

    fn set_weight(&mut self, id: &str, weight: u32) -> Result<(), MembershipError> {
        Ring::set_weight(self, id, weight)
    }
}

impl<H: KeyHash> Replicated for Ring<H> {
    fn get_n(&self, key: &[u8], count: usize) -> Vec<&Server> {
        self.replicas(key, count, Distinct::Servers).servers
    }
}

#[cfg(test)]
mod tests;
