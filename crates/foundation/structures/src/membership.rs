//! The servers that keys are placed on, and the calls that every way of placing them shares.
//!
//! [`Placement`] is implemented by the [`ring`](crate::ring) and by its alternatives, so that they
//! can be compared over the same keys ([`movement`]). A call that a method does not define, such as
//! a weight for [`jump`](crate::jump), is refused with [`MembershipError::Undefined`].

use crate::stored::{ReadError, Reader, write_text};

/// Most bytes of a server's id or zone.
pub const MAX_NAME_BYTES: usize = 255;

/// Most servers.
pub const MAX_SERVERS: usize = 65_535;

/// A server that owns keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    id: String,
    weight: u32,
    zone: Option<String>,
}

impl Server {
    /// A server of weight 1 in no zone. Take an `id` that outlives its address: another id is
    /// another server, and all its keys move.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), weight: 1, zone: None }
    }

    /// Its share of the keys beside that of the others; 0 drains it.
    #[must_use]
    pub fn with_weight(self, weight: u32) -> Self {
        Self { weight, ..self }
    }

    /// What it may fail together with: a rack, an availability zone, a data centre.
    #[must_use]
    pub fn with_zone(self, zone: impl Into<String>) -> Self {
        Self { zone: Some(zone.into()), ..self }
    }

    /// Its stable name.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// See [`Server::with_weight`].
    #[must_use]
    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// See [`Server::with_zone`].
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        self.zone.as_deref()
    }

    pub(crate) fn set_weight(&mut self, weight: u32) {
        self.weight = weight;
    }

    /// The zone, the server itself being one where none is given.
    pub(crate) fn zone_or_self(&self) -> (bool, &str) {
        self.zone.as_deref().map_or((false, &self.id), |zone| (true, zone))
    }

    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        write_text(bytes, &self.id);
        bytes.extend(self.weight.to_le_bytes());
        write_text(bytes, self.zone.as_deref().unwrap_or_default());
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
        let id = reader.text()?.to_owned();
        let weight = reader.u32()?;
        let zone = Some(reader.text()?).filter(|zone| !zone.is_empty()).map(str::to_owned);
        let server = Self { id, weight, zone };
        server.check().map_err(|_| ReadError::Impossible("a server's name has a wrong length"))?;
        Ok(server)
    }

    /// Fewest bytes of [`Server::write`].
    pub(crate) const STORED_BYTES_MIN: usize = 2 + 1 + 4 + 2;

    pub(crate) fn check(&self) -> Result<(), MembershipError> {
        let names = [self.id.as_str(), self.zone.as_deref().unwrap_or("-")];
        match names.iter().find(|name| !(1..=MAX_NAME_BYTES).contains(&name.len())) {
            Some(name) => Err(MembershipError::Name { bytes: name.len() }),
            None => Ok(()),
        }
    }
}

/// Why a change of the membership is refused. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// Added twice.
    #[error("server {0} is a member already; remove it first or set its weight")]
    AlreadyMember(String),
    /// Not there.
    #[error("server {0} is no member; add it first")]
    NotMember(String),
    /// An id or a zone that is empty or too long.
    #[error("a server's id or zone has {bytes} bytes; from 1 to {MAX_NAME_BYTES} are possible")]
    Name {
        /// Its length.
        bytes: usize,
    },
    /// More than there is room for.
    #[error("{what} would be {wanted}; from {least} to {most} are possible")]
    OutOfRange {
        /// What is counted.
        what: &'static str,
        /// The number asked for.
        wanted: u64,
        /// The fewest.
        least: u64,
        /// The most.
        most: u64,
    },
    /// A call that this way of placing keys does not define.
    #[error("{method} cannot do that: {why}")]
    Undefined {
        /// The way of placing keys.
        method: &'static str,
        /// What it does instead.
        why: &'static str,
    },
}

/// A way to place keys on a changing set of servers. The same members give the same places in
/// every process, whatever the order they were added in, unless the implementation says otherwise.
pub trait Placement {
    /// The server of a key; none while no server has weight.
    fn get(&self, key: &[u8]) -> Option<&Server>;

    /// The members, those of weight 0 too.
    fn servers(&self) -> &[Server];

    /// Adds a server.
    ///
    /// # Errors
    /// [`MembershipError`].
    fn add(&mut self, server: Server) -> Result<(), MembershipError>;

    /// Removes a server.
    ///
    /// # Errors
    /// [`MembershipError`].
    fn remove(&mut self, id: &str) -> Result<(), MembershipError>;

    /// Changes a server's weight.
    ///
    /// # Errors
    /// [`MembershipError`].
    fn set_weight(&mut self, id: &str, weight: u32) -> Result<(), MembershipError>;
}

/// A placement that also names where copies of a key go.
pub trait Replicated: Placement {
    /// The first `count` distinct servers for a key, its owner first; fewer if there are fewer.
    fn get_n(&self, key: &[u8], count: usize) -> Vec<&Server>;
}

/// How many of some keys a change moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Movement {
    /// The keys that were looked at.
    pub keys: u64,
    /// Those that another server owns afterwards.
    pub moved: u64,
}

impl Movement {
    /// The share of the keys that move, from 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        if self.keys == 0 { 0.0 } else { self.moved as f64 / self.keys as f64 }
    }
}

/// Counts the keys whose owner differs between two placements.
pub fn movement<K: AsRef<[u8]>>(
    old: &impl Placement,
    new: &impl Placement,
    keys: impl IntoIterator<Item = K>,
) -> Movement {
    let mut movement = Movement { keys: 0, moved: 0 };
    for key in keys {
        let (was, is) = (old.get(key.as_ref()), new.get(key.as_ref()));
        movement.moved += u64::from(was.map(Server::id) != is.map(Server::id));
        movement.keys += 1;
    }
    movement
}

/// Servers in the order of their ids, each once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Members {
    servers: Vec<Server>,
}

impl Members {
    pub(crate) fn as_slice(&self) -> &[Server] {
        &self.servers
    }

    pub(crate) fn len(&self) -> usize {
        self.servers.len()
    }

    pub(crate) fn find(&self, id: &str) -> Result<usize, MembershipError> {
        self.servers
            .binary_search_by(|server| server.id.as_str().cmp(id))
            .map_err(|_| MembershipError::NotMember(id.to_owned()))
    }

    /// Where a new server would stand.
    pub(crate) fn place_for(&self, server: &Server) -> Result<usize, MembershipError> {
        server.check()?;
        if self.servers.len() == MAX_SERVERS {
            let wanted = MAX_SERVERS as u64 + 1;
            let most = MAX_SERVERS as u64;
            return Err(MembershipError::OutOfRange { what: "servers", wanted, least: 0, most });
        }
        match self.servers.binary_search_by(|other| other.id.cmp(&server.id)) {
            Ok(_) => Err(MembershipError::AlreadyMember(server.id.clone())),
            Err(place) => Ok(place),
        }
    }

    pub(crate) fn insert(&mut self, place: usize, server: Server) {
        self.servers.insert(place, server);
    }

    pub(crate) fn add(&mut self, server: Server) -> Result<usize, MembershipError> {
        let place = self.place_for(&server)?;
        self.servers.insert(place, server);
        Ok(place)
    }

    pub(crate) fn remove(&mut self, id: &str) -> Result<usize, MembershipError> {
        let place = self.find(id)?;
        self.servers.remove(place);
        Ok(place)
    }

    pub(crate) fn set_weight(&mut self, id: &str, weight: u32) -> Result<usize, MembershipError> {
        let place = self.find(id)?;
        self.servers[place].set_weight(weight);
        Ok(place)
    }

    pub(crate) fn total_weight(&self) -> u64 {
        self.servers.iter().map(|server| u64::from(server.weight)).sum()
    }

    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend((self.servers.len() as u32).to_le_bytes());
        self.servers.iter().for_each(|server| server.write(bytes));
    }

    pub(crate) fn read(reader: &mut Reader<'_>) -> Result<Self, ReadError> {
        let count = reader.count(Server::STORED_BYTES_MIN)?;
        if count > MAX_SERVERS {
            return Err(ReadError::Impossible("too many servers"));
        }
        let servers =
            (0..count).map(|_| Server::read(reader)).collect::<Result<Vec<_>, ReadError>>()?;
        if !servers.is_sorted_by(|one, next| one.id < next.id) {
            return Err(ReadError::Impossible("the servers are out of order"));
        }
        Ok(Self { servers })
    }
}
