//! Rendezvous hashing, also called highest random weight.
//!
//! Thaler and Ravishankar, "Using name-based mappings to increase hit rates" (1998). Every server
//! draws a number for the key, and the highest owns it: the best spread there is (as even as
//! throwing keys at random), the least movement, no table. With weights the number is `-weight /
//! ln(u)`, u being the draw as a number between 0 and 1 (Schindelhauer and Schomaker, "Weighted
//! distributed hash tables", 2005): a server's chance is its share of the weights, exactly.
//!
//! Cost: n draws a look-up, about 10 ns each. For tens of servers it is the simplest choice; it
//! names no ranges, so data cannot be handed over by range.

use crate::hash::{KeyHash, Xxh3, mix};
use crate::membership::{Members, MembershipError, Placement, Replicated, Server};

/// Keys on servers by highest draw.
#[derive(Debug, Clone)]
pub struct Rendezvous<H = Xxh3> {
    hash: H,
    members: Members,
    /// The hash of each member's id.
    seeds: Vec<u64>,
}

impl Default for Rendezvous {
    fn default() -> Self {
        Self::new(Xxh3)
    }
}

impl<H: KeyHash> Rendezvous<H> {
    /// No servers yet.
    pub fn new(hash: H) -> Self {
        Self { hash, members: Members::default(), seeds: Vec::new() }
    }

    /// What each server with weight draws for a key, before its weight counts.
    fn draws(&self, key: &[u8]) -> impl Iterator<Item = (u64, &Server)> {
        let hash = self.hash.hash(key);
        let members = self.members.as_slice().iter().zip(&self.seeds);
        let with_weight = members.filter(|(server, _)| server.weight() > 0);
        with_weight.map(move |(server, seed)| (mix(hash ^ seed), server))
    }
}

/// Above 0, and the higher the better.
fn weighted(random: u64, weight: u32) -> f64 {
    // 52 bits and a half, which are exact: neither 0 nor 1 comes up.
    let unit = ((random >> 12) as f64 + 0.5) / (1u64 << 52) as f64;
    f64::from(weight) / -ln(unit)
}

/// The natural logarithm of a normal positive number, by the four operations alone. Those are
/// rounded in one way everywhere, which is not promised of `f64::ln`; and every process must draw
/// the same.
fn ln(x: f64) -> f64 {
    /// 2 / (2 k + 1): the twelfth is below a double's last bit.
    const TERMS: [f64; 12] = {
        let mut terms = [0.0; 12];
        let mut k = 0;
        while k < 12 {
            terms[k] = 2.0 / (2 * k + 1) as f64;
            k += 1;
        }
        terms
    };
    let bits = x.to_bits();
    let (exponent, fraction) = ((bits >> 52) as i32 - 1023, bits & !(0x7ff << 52));
    // The nearest power of two is divided off: what is left lies between 0.7 and 1.4, where
    // ln m = 2 artanh((m - 1) / (m + 1)) needs few terms.
    let is_nearer_to_next = fraction > 0x6_a09e_667f_3bcc;
    let power = exponent + i32::from(is_nearer_to_next);
    let mantissa = f64::from_bits(fraction | if is_nearer_to_next { 1022 } else { 1023 } << 52);
    let z = (mantissa - 1.0) / (mantissa + 1.0);
    let square = z * z;
    let series = TERMS.iter().rev().fold(0.0, |sum, term| sum * square + term);
    f64::from(power) * std::f64::consts::LN_2 + z * series
}

impl<H: KeyHash> Placement for Rendezvous<H> {
    fn get(&self, key: &[u8]) -> Option<&Server> {
        let mut best: Option<(u64, f64, &Server)> = None;
        for (random, server) in self.draws(key) {
            // Neither a lower draw nor a lower weight can win: with equal weights the logarithm is
            // seldom needed.
            if best.is_some_and(|(most, _, of)| random <= most && server.weight() <= of.weight()) {
                continue;
            }
            let draw = weighted(random, server.weight());
            if best.is_none_or(|(_, most, _)| draw > most) {
                best = Some((random, draw, server));
            }
        }
        best.map(|(.., server)| server)
    }

    fn servers(&self) -> &[Server] {
        self.members.as_slice()
    }

    fn add(&mut self, server: Server) -> Result<(), MembershipError> {
        let seed = self.hash.hash(server.id().as_bytes());
        let place = self.members.add(server)?;
        self.seeds.insert(place, seed);
        Ok(())
    }

    fn remove(&mut self, id: &str) -> Result<(), MembershipError> {
        let place = self.members.remove(id)?;
        self.seeds.remove(place);
        Ok(())
    }

    fn set_weight(&mut self, id: &str, weight: u32) -> Result<(), MembershipError> {
        self.members.set_weight(id, weight).map(|_| ())
    }
}

impl<H: KeyHash> Replicated for Rendezvous<H> {
    /// Those with the highest draws.
    fn get_n(&self, key: &[u8], count: usize) -> Vec<&Server> {
        let draws = self.draws(key);
        let mut draws: Vec<(f64, &Server)> =
            draws.map(|(random, server)| (weighted(random, server.weight()), server)).collect();
        // Stable: of equal draws the lower id is first, as in `get`.
        draws.sort_by(|one, other| other.0.total_cmp(&one.0));
        draws.into_iter().map(|(_, server)| server).take(count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::membership::movement;
    use crate::spread_testing::{Tally, keys};

    fn placed_on(count: usize) -> Rendezvous {
        let mut rendezvous = Rendezvous::default();
        (0..count).for_each(|id| rendezvous.add(Server::new(format!("s{id}"))).unwrap());
        rendezvous
    }

    #[test]
    fn the_logarithm_is_one() {
        for x in [f64::MIN_POSITIVE, 1e-300, 1e-17, 0.1, 0.5, 0.7, 0.999_999, 2.5, 1e300] {
            let error = (ln(x) / x.ln() - 1.0).abs();
            assert!(error <= 4.0 * f64::EPSILON, "{x}: {error}");
        }
        for random in [0, u64::MAX] {
            assert!(weighted(random, 1) > 0.0 && weighted(random, u32::MAX).is_finite());
        }
    }

    #[test]
    fn exactly_the_keys_that_must_move_move() {
        let old = placed_on(10);
        let mut new = old.clone();
        new.add(Server::new("new")).unwrap();
        for key in keys(20_000) {
            let (was, is) = (old.get(&key).unwrap(), new.get(&key).unwrap());
            assert!(was == is || is.id() == "new");
        }
        let share = movement(&old, &new, keys(20_000)).share();
        assert!((share - 1.0 / 11.0).abs() < 0.01, "{share}");
        new.remove("new").unwrap();
        assert_eq!(movement(&old, &new, keys(20_000)).moved, 0);
    }

    #[test]
    fn spreads_far_better_than_a_ring_of_100_points() {
        let deviation = Tally::count(&placed_on(10), 100_000).deviation_percent();
        // 0.95 % is what chance gives; the ring has 9.7 %.
        assert!(deviation < 2.0, "{deviation}");
    }

    #[test]
    fn keys_are_in_proportion_to_weights_and_a_change_of_weight_moves_no_others() {
        let mut rendezvous = placed_on(4);
        let before = rendezvous.clone();
        rendezvous.set_weight("s1", 3).unwrap();
        let tally = Tally::count(&rendezvous, 60_000);
        assert!((tally.of("s1") as f64 / 60_000.0 - 0.5).abs() < 0.01);
        for key in keys(20_000) {
            let (was, is) = (before.get(&key), rendezvous.get(&key));
            assert!(was.map(Server::id) == is.map(Server::id) || is.unwrap().id() == "s1");
        }
        rendezvous.set_weight("s1", 0).unwrap();
        assert_eq!(Tally::count(&rendezvous, 1000).of("s1"), 0);
    }

    #[test]
    fn replicas_are_distinct_and_begin_with_the_owner() {
        let rendezvous = placed_on(5);
        for key in keys(500) {
            let replicas = rendezvous.get_n(&key, 3);
            assert_eq!(Some(replicas[0]), rendezvous.get(&key));
            assert!(replicas[0] != replicas[1] && replicas[1] != replicas[2]);
            assert!(replicas[0] != replicas[2]);
        }
        assert_eq!(rendezvous.get_n(b"key", 9).len(), 5);
        assert_eq!(Rendezvous::default().get(b"key"), None);
    }
}
