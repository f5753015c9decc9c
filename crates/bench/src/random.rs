//! Which link is asked for next: uniform or Zipf, from a seed, so that a run can be repeated.

use std::sync::Arc;

/// SplitMix64 (Steele, Lea, Flood 2014): 64 good bits for an add, two multiplications and shifts.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// The sequence of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number below `bound` (multiply-shift, Lemire 2019; its bias is below 2^-32 here).
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u32
    }
}

/// How popular each of `n` links is.
#[derive(Debug, Clone)]
pub(crate) enum Popularity {
    /// All alike.
    Uniform(u32),
    /// The k-th in proportion to 1/k.
    Zipf(Arc<Zipf>),
}

impl Popularity {
    /// Draws the index of a link.
    pub(crate) fn draw(&self, random: &mut Random) -> usize {
        match self {
            Self::Uniform(count) => random.below(*count) as usize,
            Self::Zipf(zipf) => zipf.draw(random),
        }
    }
}

/// Zipf's law with exponent 1, drawn in constant time by the alias method (Vose 1991): 8 bytes a
/// link and at most two memory accesses a draw, where a search of the cumulative sums makes 20.
#[derive(Debug)]
pub(crate) struct Zipf {
    columns: Vec<Column>,
}

#[derive(Debug, Clone, Copy)]
struct Column {
    /// Probability, in 2^-32, of staying in this column instead of its alias.
    stay: u32,
    alias: u32,
}

impl Zipf {
    /// The law over `count` links, at least 1.
    pub(crate) fn new(count: u32) -> Self {
        let sum: f64 = (1..=count).map(|rank| 1.0 / f64::from(rank)).sum();
        let mean = f64::from(count) / sum;
        let mut weights: Vec<f64> = (1..=count).map(|rank| mean / f64::from(rank)).collect();
        let mut columns: Vec<Column> =
            (0..count).map(|index| Column { stay: u32::MAX, alias: index }).collect();
        let (mut small, mut large): (Vec<u32>, Vec<u32>) =
            (0..count).partition(|&index| weights[index as usize] < 1.0);
        while let (Some(poor), Some(&rich)) = (small.pop(), large.last()) {
            let share = weights[poor as usize];
            columns[poor as usize] =
                Column { stay: (share * f64::from(u32::MAX)) as u32, alias: rich };
            // The rich one fills the rest of the poor one's column.
            weights[rich as usize] -= 1.0 - share;
            if weights[rich as usize] < 1.0 {
                large.pop();
                small.push(rich);
            }
        }
        Self { columns }
    }

    fn draw(&self, random: &mut Random) -> usize {
        let bits = random.next();
        let count = self.columns.len() as u64;
        let index = (((bits >> 32) * count) >> 32) as usize;
        let column = self.columns[index];
        if (bits as u32) <= column.stay { index } else { column.alias as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAWS: u32 = 1_000_000;

    fn counts(popularity: &Popularity, links: usize) -> Vec<u32> {
        let mut random = Random::new(7);
        let mut counts = vec![0; links];
        for _ in 0..DRAWS {
            counts[popularity.draw(&mut random)] += 1;
        }
        counts
    }

    #[test]
    fn splitmix_matches_its_published_sequence() {
        // First values for seed 1234567, from the reference implementation (prng.di.unimi.it).
        let mut random = Random::new(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn zipf_draws_the_kth_in_proportion_to_one_over_k() {
        let counts = counts(&Popularity::Zipf(Arc::new(Zipf::new(1_000))), 1_000);
        let harmonic: f64 = (1..=1_000).map(|rank| 1.0 / f64::from(rank)).sum();
        for rank in [1_u32, 2, 3, 10, 100] {
            let wanted = f64::from(DRAWS) / harmonic / f64::from(rank);
            let found = f64::from(counts[rank as usize - 1]);
            // Five standard deviations of a Poisson count.
            assert!((found - wanted).abs() < 5.0 * wanted.sqrt(), "{rank}: {found} of {wanted}");
        }
        assert!(counts[999] > 0, "the rarest is drawn too");
    }

    #[test]
    fn uniform_draws_all_alike() {
        let counts = counts(&Popularity::Uniform(10), 10);
        assert!(counts.iter().all(|&count| (98_000..102_000).contains(&count)), "{counts:?}");
    }

    #[test]
    fn one_link_is_always_the_first() {
        assert_eq!(counts(&Popularity::Zipf(Arc::new(Zipf::new(1))), 1), [DRAWS]);
        assert_eq!(counts(&Popularity::Uniform(1), 1), [DRAWS]);
    }
}
