//! From an HTTP request to descriptors: who asks, and for what.
//!
//! The address of a caller behind proxies is the entry of `X-Forwarded-For` that the furthest
//! trusted proxy wrote; what stands before it was written by the caller and is not believed. All
//! addresses of one IPv6 network count as one caller.

use std::net::{IpAddr, Ipv6Addr};

use http::HeaderMap;

use crate::address_text::AddressText;
use crate::model::{Descriptor, Request};

/// Entries of `X-Forwarded-For` that are looked at.
const FORWARDED_MAX: usize = 64;
/// Bytes of a value that is taken from a request; longer ones are cut.
const VALUE_BYTES_MAX: usize = 512;

/// What is told of each request, and under which domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipe {
    /// Empty: nothing is limited.
    pub domain: String,
    /// Each becomes a descriptor of a request that has all its parts.
    pub descriptors: Vec<Vec<Part>>,
    /// Proxies in front that are believed, counted from the nearest.
    pub trusted_hops: usize,
    /// Bits of an IPv6 address that stand for a caller.
    pub ipv6_prefix: u8,
}

/// One entry of a descriptor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// `remote_address`: the caller's address.
    RemoteAddress,
    /// `user`: who the credential says it is.
    User,
    /// `path`: without the query.
    Path,
    /// `method`.
    Method,
    /// `host`: without the port.
    Host,
    /// `header:NAME`: the entry's key is the name.
    Header(String),
    /// `KEY=VALUE`: the same for every request.
    Fixed(String, String),
}

/// What a descriptor is made of.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'r> {
    /// The address that the connection came from.
    pub peer: IpAddr,
    /// The method's name.
    pub method: &'r str,
    /// Without the query.
    pub path: &'r str,
    /// As the request names it.
    pub host: &'r str,
    /// All of them.
    pub headers: &'r HeaderMap,
    /// Who the credential says it is, if there is one.
    pub user: Option<&'r str>,
}

/// What a recipe makes of one request, without lists of it: a decision takes it as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head<'r> {
    pub(crate) recipe: &'r Recipe,
    pub(crate) seen: Seen<'r>,
    /// [`Recipe::address`] as text.
    pub(crate) address: &'r AddressText,
}

impl<'r> Head<'r> {
    /// The parts of each descriptor.
    pub(crate) fn descriptors(&self) -> impl Iterator<Item = &'r [Part]> {
        self.recipe.descriptors.iter().map(Vec::as_slice)
    }

    /// What a part is in this request; none where the request has no such part.
    pub(crate) fn entry(&self, part: &'r Part) -> Option<(&'r str, &'r str)> {
        entry(part, self.seen, self.address.as_str())
    }

    /// The same as lists.
    pub(crate) fn request(&self) -> Request<'r> {
        self.recipe.request(self.seen, self.address.as_str())
    }
}

impl Part {
    /// As settings have it; none when it is no part.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "remote_address" => Self::RemoteAddress,
            "user" => Self::User,
            "path" => Self::Path,
            "method" => Self::Method,
            "host" => Self::Host,
            text => match (text.strip_prefix("header:"), text.split_once('=')) {
                (Some(name), _) if !name.is_empty() => Self::Header(name.to_ascii_lowercase()),
                (_, Some((key, value))) if !key.is_empty() && !value.is_empty() => {
                    Self::Fixed(key.to_owned(), value.to_owned())
                }
                _ => return None,
            },
        })
    }
}

impl Recipe {
    /// Whether anything is limited.
    pub fn is_empty(&self) -> bool {
        self.domain.is_empty() || self.descriptors.is_empty()
    }

    /// Whether who asks matters.
    pub(crate) fn asks_for_user(&self) -> bool {
        self.descriptors.iter().flatten().any(|part| *part == Part::User)
    }

    /// The request to rule on for what was seen; `address` is [`Recipe::address`] as text.
    pub fn request<'r>(&'r self, seen: Seen<'r>, address: &'r str) -> Request<'r> {
        let descriptor = |parts: &'r Vec<Part>| {
            let entries = parts.iter().map(|part| entry(part, seen, address));
            let entries = entries.collect::<Option<Vec<_>>>()?;
            Some(Descriptor { entries, ..Descriptor::default() })
        };
        Request {
            domain: &self.domain,
            descriptors: self.descriptors.iter().filter_map(descriptor).collect(),
            hits: 1,
        }
    }

    /// The caller's address: an IPv6 one as its network.
    pub fn address(&self, seen: &Seen<'_>) -> IpAddr {
        let address = self.forwarded(seen.headers).unwrap_or(seen.peer);
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let bits = u32::from(self.ipv6_prefix.min(128));
                let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
            }
            address => address,
        }
    }

    /// What the furthest trusted proxy says; none when no proxy is trusted or it says nothing.
    fn forwarded(&self, headers: &HeaderMap) -> Option<IpAddr> {
        if self.trusted_hops == 0 {
            return None;
        }
        let values = headers.get_all("x-forwarded-for").iter().rev();
        let entries = values.filter_map(|value| value.to_str().ok());
        let mut entries = entries.flat_map(|value| value.rsplit(',')).take(FORWARDED_MAX);
        let entry = entries.nth(self.trusted_hops - 1)?.trim();
        entry.parse().ok().or_else(|| {
            let socket: Result<std::net::SocketAddr, _> = entry.parse();
            socket.ok().map(|socket| socket.ip())
        })
    }
}

fn entry<'r>(part: &'r Part, seen: Seen<'r>, address: &'r str) -> Option<(&'r str, &'r str)> {
    let (key, value) = match part {
        Part::RemoteAddress => ("remote_address", address),
        Part::User => ("user", seen.user?),
        Part::Path => ("path", seen.path),
        Part::Method => ("method", seen.method),
        Part::Host => ("host", kit::door::host_without_port(seen.host)),
        Part::Header(name) => (name.as_str(), seen.headers.get(name)?.to_str().ok()?),
        Part::Fixed(key, value) => (key.as_str(), value.as_str()),
    };
    Some((key, &value[..value.floor_char_boundary(VALUE_BYTES_MAX)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(trusted_hops: usize, descriptors: &[&[&str]]) -> Recipe {
        let parts = |texts: &&[&str]| texts.iter().map(|text| Part::parse(text).unwrap()).collect();
        Recipe {
            domain: "edge".to_owned(),
            descriptors: descriptors.iter().map(parts).collect(),
            trusted_hops,
            ipv6_prefix: 64,
        }
    }

    fn seen<'r>(peer: &str, headers: &'r HeaderMap) -> Seen<'r> {
        let (method, path, host) = ("GET", "/login", "Sho.rt:80");
        Seen { peer: peer.parse().unwrap(), method, path, host, headers, user: None }
    }

    fn address(trusted_hops: usize, peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().unwrap());
        }
        recipe(trusted_hops, &[]).address(&seen(peer, &headers)).to_string()
    }

    #[test]
    fn only_what_a_trusted_proxy_wrote_is_believed() {
        assert_eq!(address(0, "10.0.0.1", &["1.2.3.4"]), "10.0.0.1");
        assert_eq!(address(1, "10.0.0.1", &["6.6.6.6, 1.2.3.4"]), "1.2.3.4");
        assert_eq!(address(1, "10.0.0.1", &["6.6.6.6", "1.2.3.4"]), "1.2.3.4");
        assert_eq!(address(2, "10.0.0.1", &["6.6.6.6, 1.2.3.4, 10.0.0.2"]), "1.2.3.4");
        assert_eq!(address(2, "10.0.0.1", &["1.2.3.4"]), "10.0.0.1");
        assert_eq!(address(1, "10.0.0.1", &["nonsense"]), "10.0.0.1");
        assert_eq!(address(1, "10.0.0.1", &["[2001:db8::1]:443"]), "2001:db8::");
    }

    #[test]
    fn one_ipv6_network_is_one_caller() {
        assert_eq!(address(0, "2001:db8:1:2:3:4:5:6", &[]), "2001:db8:1:2::");
        assert_eq!(address(0, "::ffff:1.2.3.4", &[]), "1.2.3.4");
    }

    #[test]
    fn a_descriptor_without_one_of_its_parts_is_left_out() {
        let recipe = recipe(
            0,
            &[&["remote_address", "path"], &["user"], &["header:X-Key"], &["tier=free", "host"]],
        );
        let mut headers = HeaderMap::new();
        headers.insert("x-key", "k1".parse().unwrap());
        let seen = seen("10.0.0.1", &headers);
        let address = recipe.address(&seen).to_string();
        let request = recipe.request(seen, &address);
        let entries: Vec<_> =
            request.descriptors.into_iter().map(|descriptor| descriptor.entries).collect();
        assert_eq!(
            entries,
            [
                vec![("remote_address", "10.0.0.1"), ("path", "/login")],
                vec![("x-key", "k1")],
                vec![("tier", "free"), ("host", "Sho.rt")],
            ]
        );
        for none in ["", "address", "header:", "=v", "k="] {
            assert!(Part::parse(none).is_none(), "{none}");
        }
    }
}
