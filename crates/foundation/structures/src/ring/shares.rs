//! How evenly a ring divides the circle.

use super::Ring;
use crate::hash::KeyHash;
use crate::membership::Server;

/// The share of each server, and how far they lie apart.
#[derive(Debug, Clone, PartialEq)]
pub struct Shares<'r> {
    /// Every member with its share of the circle, from 0 to 1, in the order of the ids.
    pub of: Vec<(&'r Server, f64)>,
    /// The mean share of the servers with weight.
    pub mean: f64,
    /// The standard deviation of their shares in per cent of the mean. Says how even the ring is
    /// where all weights are equal.
    pub deviation_percent: f64,
    /// The largest share in relation to the mean.
    pub max_over_mean: f64,
}

impl<H: KeyHash> Ring<H> {
    /// What each server has of the circle: exact, since the arcs are counted.
    #[must_use]
    pub fn shares(&self) -> Shares<'_> {
        let mut arcs = vec![0u128; self.members.len()];
        let mut after = self.points.iter().last().map_or(0, |(last, _)| last);
        for (through, owner) in self.points.iter() {
            // Of points that fall together only the first has an arc.
            arcs[owner as usize] += u128::from(through.wrapping_sub(after));
            after = through;
        }
        if let Some((_, owner)) = self.points.iter().next()
            && arcs.iter().all(|arc| *arc == 0)
        {
            // All points at one position: the arc is the circle, which 64 bits count as 0.
            arcs[owner as usize] = 1 << 64;
        }
        let share = |arc: u128| arc as f64 / (1u128 << 64) as f64;
        summary(self.members.as_slice().iter().zip(arcs.into_iter().map(share)).collect())
    }
}

fn summary(of: Vec<(&Server, f64)>) -> Shares<'_> {
    let with_weight =
        || of.iter().filter(|(server, _)| server.weight() > 0).map(|(_, share)| share);
    // An empty ring has nothing to be uneven.
    let count = with_weight().count().max(1) as f64;
    let mean = with_weight().sum::<f64>() / count;
    let variance = with_weight().map(|share| (share - mean).powi(2)).sum::<f64>() / count;
    let most = with_weight().copied().fold(0.0, f64::max);
    let relative = |value: f64| if mean > 0.0 { value / mean } else { 0.0 };
    let deviation_percent = relative(variance.sqrt()) * 100.0;
    Shares { mean, deviation_percent, max_over_mean: relative(most), of }
}
