//! An address as text, on the stack: it is made for every request that a gate sees.

use std::fmt::{self, Write};
use std::net::IpAddr;

/// Bytes of the longest: eight groups of an IPv6 address, the last two of them written as IPv4.
const BYTES_MAX: usize = 45;

/// An address as [`IpAddr`] displays it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AddressText {
    bytes: [u8; BYTES_MAX],
    length: usize,
}

impl AddressText {
    pub(crate) fn of(address: IpAddr) -> Self {
        let mut text = Self { bytes: [0; BYTES_MAX], length: 0 };
        match address {
            // Without the machinery of formatting, which takes longer than a decision.
            IpAddr::V4(address) => {
                for (place, octet) in address.octets().into_iter().enumerate() {
                    text.add(if place == 0 { "" } else { "." });
                    text.add(itoa::Buffer::new().format(octet));
                }
            }
            // The longest fits.
            IpAddr::V6(address) => drop(write!(text, "{address}")),
        }
        text
    }

    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..self.length]).unwrap_or_default()
    }

    /// Adds as much of `part` as fits.
    fn add(&mut self, part: &str) {
        let bytes = part.len().min(BYTES_MAX - self.length);
        self.bytes[self.length..][..bytes].copy_from_slice(&part.as_bytes()[..bytes]);
        self.length += bytes;
    }
}

impl Write for AddressText {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.add(part);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longest_fits() {
        let longest: IpAddr = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap();
        assert_eq!(AddressText::of(longest).as_str(), longest.to_string());
        let mapped: IpAddr = "::ffff:255.255.255.255".parse().unwrap();
        assert_eq!(AddressText::of(mapped).as_str(), mapped.to_string());
    }

    proptest! {
        #[test]
        fn it_reads_as_the_standard_library_writes_it(address: IpAddr) {
            let text = AddressText::of(address);
            prop_assert_eq!(text.as_str(), address.to_string());
        }
    }
}
