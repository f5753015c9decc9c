//! The public face of an id: a number that shows neither time nor worker nor order, and leads back
//! to the id with the key.
//!
//! A balanced Feistel network of eight rounds over 64 bits with SipHash-1-3 as round function,
//! walked until the number is below 2^63, so a face is a positive signed integer like the id it
//! stands for. It hides; it is no encryption of secrets: whoever has the key has every id.
//!
//! Source: M. Luby, C. Rackoff: How to construct pseudorandom permutations from pseudorandom
//! functions, SIAM J. Computing 17 (1988); J. Black, P. Rogaway: Ciphers with arbitrary finite
//! domains, CT-RSA 2002 (cycle walking).

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

const ROUNDS: u64 = 8;
const FACES: u64 = 1 << 63;

/// Between ids and their faces, by one key.
#[derive(Clone, Copy)]
pub struct Permutation {
    key: [u8; 16],
}

impl Permutation {
    /// The permutation of `key`.
    pub fn new(key: [u8; 16]) -> Self {
        Self { key }
    }

    /// The face of `id`; none when it is 2^63 or more.
    pub fn hide(&self, id: u64) -> Option<u64> {
        walk(id, |number| self.rounds(number, 0..ROUNDS))
    }

    /// The id behind `face`; none when it is 2^63 or more.
    pub fn reveal(&self, face: u64) -> Option<u64> {
        // A round swaps the halves, so going back starts and ends with a swap.
        let back =
            |number: u64| self.rounds(number.rotate_left(32), (0..ROUNDS).rev()).rotate_left(32);
        walk(face, back)
    }

    fn rounds(&self, number: u64, rounds: impl Iterator<Item = u64>) -> u64 {
        rounds.fold(number, |number, round| {
            let (left, right) = (number >> 32, number & 0xffff_ffff);
            let mut hasher = SipHasher13::new_with_key(&self.key);
            hasher.write_u64(round << 32 | right);
            right << 32 | (left ^ (hasher.finish() & 0xffff_ffff))
        })
    }
}

fn walk(from: u64, step: impl Fn(u64) -> u64) -> Option<u64> {
    if from >= FACES {
        return None;
    }
    let mut number = step(from);
    while number >= FACES {
        number = step(number);
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_face_leads_back(key in any::<[u8; 16]>(), id in 0..FACES) {
            let permutation = Permutation::new(key);
            let face = permutation.hide(id).unwrap();
            prop_assert!(face < FACES);
            prop_assert_eq!(permutation.reveal(face), Some(id));
        }
    }

    #[test]
    fn faces_of_neighbours_are_strangers() {
        let permutation = Permutation::new([7; 16]);
        let faces: Vec<u64> = (0..1_000).filter_map(|id| permutation.hide(id)).collect();
        assert_eq!(faces.len(), 1_000);
        assert!(!faces.is_sorted());
        let changed: u32 = faces.windows(2).map(|pair| (pair[0] ^ pair[1]).count_ones()).sum();
        assert!((28..36).contains(&(changed / 999)), "about half of the bits change: {changed}");
        assert_eq!(permutation.hide(FACES), None);
        assert_ne!(Permutation::new([8; 16]).hide(5), permutation.hide(5));
    }
}
