//! One number from which every choice of a run follows.
//!
//! A [`Seed`] is forked by label, never by drawing: a part that draws once more, or a part that is
//! added, shifts nothing elsewhere. The generator is xoshiro256++ 1.0 (Blackman and Vigna, 2019,
//! prng.di.unimi.it), its state filled by SplitMix64 as its authors ask. Integers only, so that a
//! seed means the same on every machine. Never for secrets.

use std::ops::RangeInclusive;

/// Where draws come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// The seed of the part called `label`.
    pub fn fork(self, label: &str) -> Self {
        // FNV-1a over the label, then mixed with the seed: labels of any length, no collisions
        // worth speaking of.
        let hash = label.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self(mix(self.0 ^ mix(hash)))
    }

    /// The seed of the `number`th of several alike.
    pub fn numbered(self, number: u64) -> Self {
        Self(mix(self.0.wrapping_add(mix(number.wrapping_add(1)))))
    }

    /// A generator of this seed's draws.
    pub fn rng(self) -> Rng {
        let mut state = self.0;
        let mut word = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            mix(state)
        };
        Rng([word(), word(), word(), word()])
    }
}

/// SplitMix64's finaliser.
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A stream of draws: 1 ns each.
#[derive(Clone, Debug)]
pub struct Rng([u64; 4]);

impl Rng {
    /// 64 uniform bits.
    pub fn bits(&mut self) -> u64 {
        let state = &mut self.0;
        let drawn = state[0].wrapping_add(state[3]).rotate_left(23).wrapping_add(state[0]);
        let shifted = state[1] << 17;
        state[2] ^= state[0];
        state[3] ^= state[1];
        state[1] ^= state[2];
        state[0] ^= state[3];
        state[2] ^= shifted;
        state[3] = state[3].rotate_left(45);
        drawn
    }

    /// A number below `bound`, 0 for a bound of 0. The bias is below `bound / 2^64` (Lemire's
    /// multiplication without its rejection).
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }

    /// A number of `range`.
    pub fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        range.start() + self.below(range.end().saturating_sub(*range.start()).saturating_add(1))
    }

    /// True `count` times in `of`.
    pub fn chance(&mut self, count: u64, of: u64) -> bool {
        self.below(of) < count
    }

    /// One of `items`, none when there is none.
    pub fn pick<'i, T>(&mut self, items: &'i [T]) -> Option<&'i T> {
        items.get(usize::try_from(self.below(items.len() as u64)).ok()?)
    }

    /// Fills `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let drawn = self.bits().to_le_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first outputs of the authors' C code with state {1, 2, 3, 4}.
    #[test]
    fn draws_are_those_of_the_published_generator() {
        let mut rng = Rng([1, 2, 3, 4]);
        let drawn: Vec<u64> = (0..4).map(|_| rng.bits()).collect();
        assert_eq!(drawn, [41943041, 58720359, 3588806011781223, 3591011842654386]);
    }

    #[test]
    fn a_fork_does_not_depend_on_draws_or_on_other_forks() {
        let seed = Seed(7);
        let before = seed.fork("disk").rng().bits();
        seed.rng().bits();
        seed.fork("network").rng().bits();
        assert_eq!(seed.fork("disk").rng().bits(), before);
        assert_ne!(seed.fork("network").rng().bits(), before);
        assert_ne!(seed.numbered(0), seed.numbered(1));
        assert_ne!(Seed(8).fork("disk").rng().bits(), before);
    }

    #[test]
    fn draws_stay_in_their_bounds_and_reach_them() {
        let mut rng = Seed(1).rng();
        let drawn: Vec<u64> = (0..1_000).map(|_| rng.within(3..=7)).collect();
        assert!((3..=7).all(|value| drawn.contains(&value)));
        assert!(drawn.iter().all(|value| (3..=7).contains(value)));
        assert_eq!(rng.below(0), 0);
        let heads = (0..10_000).filter(|_| rng.chance(1, 4)).count();
        assert!((2_200..2_800).contains(&heads), "{heads}");
    }
}
