//! How bytes become a well-mixed 64-bit number.
//!
//! [`Xxh3`] is the default of every structure here that hashes: fast, with a published and frozen
//! definition (XXH3 64 bits, seed 0, since xxHash 0.8.0), so that other languages agree. It is no
//! protection: whoever knows it can choose keys that fall together. Where strangers choose the
//! keys and that would hurt, use [`Sip24`] with a secret.

use std::fmt;
use std::hash::Hasher;

use siphasher::sip::SipHasher24;
use twox_hash::XxHash3_64;

/// A function from bytes to 64 bits, each of them well mixed. Equal in every process that is to
/// agree with this one.
pub trait KeyHash {
    /// The hash of some bytes.
    fn hash(&self, bytes: &[u8]) -> u64;

    /// Tells one hash function, or one secret, from another without giving the secret away: the
    /// hash of a fixed text. Stored forms carry it.
    fn fingerprint(&self) -> u64 {
        self.hash(b"structures::hash::KeyHash")
    }
}

/// XXH3, 64 bits, seed 0 (xxHash specification 0.8, doc/xxhash_spec.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Xxh3;

impl KeyHash for Xxh3 {
    #[inline]
    fn hash(&self, bytes: &[u8]) -> u64 {
        XxHash3_64::oneshot(bytes)
    }
}

/// SipHash-2-4 with a secret key (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012):
/// nobody without the key can aim keys at one place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Sip24 {
    key: [u8; 16],
}

impl Sip24 {
    /// With 16 secret bytes, drawn at random by the caller.
    #[must_use]
    pub fn new(key: [u8; 16]) -> Self {
        Self { key }
    }
}

impl fmt::Debug for Sip24 {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Sip24(secret)")
    }
}

impl KeyHash for Sip24 {
    #[inline]
    fn hash(&self, bytes: &[u8]) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.key);
        hasher.write(bytes);
        hasher.finish()
    }
}

/// A bijection in which each bit of the input changes each bit of the output half of the time:
/// the finisher of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
/// generators", 2014).
#[inline]
pub(crate) fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A well-mixed hash scaled to `0..count` without a division and without favour (Lemire, "Fast
/// random integer generation in an interval", 2019). Keeps the order of the hashes.
#[inline]
pub(crate) fn scale(hash: u64, count: u64) -> u64 {
    ((u128::from(hash) * u128::from(count)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xxh3_is_the_published_one() {
        // Of the reference implementation: the empty text and "xxhash".
        assert_eq!(Xxh3.hash(b""), 0x2d06_8005_38d3_94c2);
        assert_eq!(Xxh3.hash(b"xxhash"), 0xaa4c_2b42_ae6b_13de);
    }

    #[test]
    fn siphash_is_the_published_one() {
        // Appendix A of the paper: key 00..0f, message 00..0e.
        let key: [u8; 16] = std::array::from_fn(|byte| byte as u8);
        let message: [u8; 15] = std::array::from_fn(|byte| byte as u8);
        assert_eq!(Sip24::new(key).hash(&message), 0xa129_ca61_49be_45e5);
    }

    #[test]
    fn fingerprints_tell_hashes_and_secrets_apart_and_are_printed_nowhere() {
        let (one, other) = (Sip24::new([1; 16]), Sip24::new([2; 16]));
        assert_ne!(one.fingerprint(), other.fingerprint());
        assert_ne!(one.fingerprint(), Xxh3.fingerprint());
        assert_eq!(format!("{one:?}"), "Sip24(secret)");
    }

    #[test]
    fn scaling_covers_the_range_in_order() {
        assert_eq!([scale(0, 10), scale(u64::MAX / 2 + 1, 10), scale(u64::MAX, 10)], [0, 5, 9]);
    }
}
