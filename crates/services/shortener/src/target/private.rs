//! Which hosts only a private network knows.
//!
//! The addresses are those of the IANA special-purpose registries (RFC 6890) that a machine near
//! the visitor or the service could answer. Documentation ranges are not among them: nothing
//! answers there. IPv6 forms that carry an IPv4 address are judged by that address.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Endings that no public name has, with the dot: RFC 6761 (`localhost`), RFC 6762 (`local`),
/// RFC 8375 (`home.arpa`), ICANN's reservation of 2024 (`internal`), and those in wide private use
/// that ICANN will not delegate.
const PRIVATE_ENDINGS: &[&str] = &[
    ".localhost",
    ".localdomain",
    ".local",
    ".internal",
    ".home.arpa",
    ".intranet",
    ".private",
    ".corp",
    ".home",
    ".lan",
];

/// Whether a name (lower case, without a final dot) is a private network's own.
///
/// So is every name of a single label: there is no public host at `http://intranet/`.
pub(crate) fn is_private_name(name: &str) -> bool {
    !name.contains('.')
        || name == "home.arpa"
        || PRIVATE_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// Whether an address is not a public unicast one.
pub(crate) fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        // "This network", RFC 791; 0.0.0.0 reaches the machine itself on many systems.
        || a == 0
        // Carrier-grade NAT, RFC 6598.
        || (a == 100 && (64..128).contains(&b))
        // IETF protocol assignments, RFC 6890.
        || (a == 192 && b == 0 && c == 0)
        // Benchmarking, RFC 2544, in use inside data centres.
        || (a == 198 && (b == 18 || b == 19))
        // Multicast, reserved and broadcast.
        || a >= 224
}

/// Whether an address is not a public unicast one, or carries an IPv4 address that is not.
pub(crate) fn is_private_v6(address: Ipv6Addr) -> bool {
    if let Some(v4) = embedded_v4(address) {
        return is_private_v4(v4);
    }
    let first = address.segments()[0];
    // Global unicast is 2000::/3, RFC 4291; the rest is loopback, link-local (fe80::/10),
    // unique-local (fc00::/7), site-local, multicast or unassigned.
    first & 0xe000 != 0x2000
}

fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let from = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        // IPv4-mapped, RFC 4291; IPv4-compatible, deprecated there (and ::, ::1 with it).
        [0, 0, 0, 0, 0, 0xffff | 0, high, low] => Some(from(high, low)),
        // NAT64, RFC 6052 and RFC 8215.
        [0x64, 0xff9b, 0 | 1, _, _, _, high, low] => Some(from(high, low)),
        // 6to4, RFC 3056.
        [0x2002, high, low, ..] => Some(from(high, low)),
        // Teredo, RFC 4380: the client's address is inverted.
        [0x2001, 0, _, _, _, _, high, low] => Some(from(!high, !low)),
        _ => None,
    }
}
