//! Limits by the address that a connection comes from, as a firewall has them: what is over them is
//! closed before a byte of it is read.
//!
//! An IPv6 site has a /64 for itself, so addresses of one count as one.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::limits::{BucketRule, KeyedBuckets};

/// Addresses whose pace is remembered; with all of them at theirs a new one is refused.
const ADDRESSES_MAX: usize = 65_536;
const MINUTE_US: u64 = 60_000_000;
const IPV6_SITE: u128 = !0 << 64;

/// What one address may have. None is no limit: a proxy brings everyone's connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AddressLimits {
    /// Connections at once.
    pub connections_max: Option<NonZeroU32>,
    /// New connections in a minute, at any pace.
    pub connections_a_minute: Option<NonZeroU32>,
}

/// The connections of a listener by their addresses.
pub(super) struct ByAddress {
    limits: AddressLimits,
    open: Mutex<HashMap<IpAddr, u32>>,
    pace: Option<KeyedBuckets<IpAddr>>,
}

/// A connection of an address; dropping it gives its place back.
#[derive(Default)]
pub(super) struct Place(Option<(Arc<ByAddress>, IpAddr)>);

impl ByAddress {
    pub(super) fn new(limits: AddressLimits) -> Arc<Self> {
        let pace = limits.connections_a_minute.map(|most| {
            let rule = BucketRule { capacity: most, refill: most, period_us: MINUTE_US };
            KeyedBuckets::new(rule, ADDRESSES_MAX)
        });
        Arc::new(Self { limits, open: Mutex::default(), pace })
    }

    /// A place for a connection from `address` at `now_us`; none when it has all it may have.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr, now_us: i64) -> Option<Place> {
        let site = site_of(address);
        if self.pace.as_ref().is_some_and(|pace| pace.take(site, now_us).is_err()) {
            return None;
        }
        let Some(most) = self.limits.connections_max else { return Some(Place::default()) };
        let mut open = self.open.lock();
        let count = open.entry(site).or_default();
        if *count >= most.get() {
            return None;
        }
        *count += 1;
        Some(Place(Some((Arc::clone(self), site))))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((places, site)) = self.0.take() else { return };
        let mut open = places.open.lock();
        if let Some(count) = open.get_mut(&site) {
            *count -= 1;
            if *count == 0 {
                open.remove(&site);
            }
        }
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Place").field(&self.0.as_ref().map(|(_, site)| site)).finish()
    }
}

/// The address, or its IPv6 site.
fn site_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & IPV6_SITE).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_so_many_at_once() {
        let most = NonZeroU32::new(2);
        let limits = AddressLimits { connections_max: most, ..AddressLimits::default() };
        let places = ByAddress::new(limits);
        let (one, other) = (address("192.0.2.1"), address("192.0.2.2"));
        let first = places.take(one, 0).unwrap();
        let _mapped = places.take(address("::ffff:192.0.2.1"), 0).unwrap();
        assert!(places.take(one, 0).is_none());
        assert!(places.take(other, 0).is_some());
        drop(first);
        assert!(places.take(one, 0).is_some());
        assert_eq!(places.open.lock().len(), 1, "who has none is forgotten");
    }

    #[test]
    fn an_address_has_so_many_a_minute() {
        let limits =
            AddressLimits { connections_a_minute: NonZeroU32::new(2), ..AddressLimits::default() };
        let places = ByAddress::new(limits);
        let site = ["2001:db8::1", "2001:db8::2", "2001:db8::3"].map(address);
        assert!(places.take(site[0], 0).is_some() && places.take(site[1], 0).is_some());
        assert!(places.take(site[2], 0).is_none());
        assert!(places.take(address("2001:db8:0:1::1"), 0).is_some(), "another site");
        assert!(places.take(site[2], 30_000_000).is_some());
        assert!(places.take(site[2], 30_000_000).is_none());
    }
}
