//! A limit on how many are under way at once, by leases: who is admitted holds one until it gives
//! it back, and one that is never given back, because its holder crashed, ends by itself.

use crate::answer::{Answer, NEVER};

/// The largest limit: 16 bytes a lease.
pub const LIMIT_MAX: u32 = 100_000;

/// So many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Concurrency {
    /// At most [`LIMIT_MAX`].
    pub limit: u32,
    /// After how many microseconds a lease ends by itself.
    pub lease_us: u64,
}

/// One that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// Chosen by whoever asks; unique among those of a key.
    pub id: u64,
    /// When it ends by itself.
    pub ends_at_us: u64,
}

/// Leases, those that end first in front.
pub type Leases = Vec<Lease>;

impl Concurrency {
    /// Decides at `now_us` whether one more may begin, under the lease `id`; a lease that is held
    /// already is renewed. `hits` of 0 only look; more than one are that many leases of one id.
    pub fn decide(&self, leases: &mut Leases, now_us: u64, (id, hits): (u64, u32)) -> Answer {
        let ends_at_us = now_us.saturating_add(self.lease_us);
        for lease in leases.iter_mut() {
            // Later than a new one would end: the clock has stepped back.
            lease.ends_at_us = lease.ends_at_us.min(ends_at_us);
        }
        leases.retain(|lease| lease.ends_at_us > now_us && (hits == 0 || lease.id != id));
        let (limit, held) = (self.limit as usize, leases.len());
        let admitted = held + hits as usize <= limit || hits == 0;
        let retry_us = match admitted {
            true => 0,
            false if hits > self.limit => NEVER,
            false => {
                let surplus = held + hits as usize - limit;
                leases.get(surplus - 1).map_or(0, |lease| lease.ends_at_us - now_us)
            }
        };
        if admitted {
            leases.extend(std::iter::repeat_n(Lease { id, ends_at_us }, hits as usize));
        }
        Answer {
            admitted,
            remaining: limit.saturating_sub(leases.len()) as u32,
            reset_us: leases.last().map_or(0, |lease| lease.ends_at_us - now_us),
            retry_us,
            delay_us: 0,
        }
    }
}

/// Gives the lease `id` back; whether it was held.
pub fn release(leases: &mut Leases, id: u64) -> bool {
    let before = leases.len();
    leases.retain(|lease| lease.id != id);
    leases.len() < before
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: Concurrency = Concurrency { limit: 2, lease_us: 1_000 };

    #[test]
    fn a_third_waits_until_one_is_given_back() {
        let mut leases = Leases::new();
        assert!(TWO.decide(&mut leases, 0, (1, 1)).admitted);
        assert!(TWO.decide(&mut leases, 100, (2, 1)).admitted);
        let third = TWO.decide(&mut leases, 200, (3, 1));
        assert_eq!((third.admitted, third.retry_us), (false, 800));
        assert!(release(&mut leases, 1) && !release(&mut leases, 1));
        assert!(TWO.decide(&mut leases, 200, (3, 1)).admitted);
    }

    #[test]
    fn the_lease_of_a_crashed_holder_ends_by_itself() {
        let mut leases = Leases::new();
        assert!(TWO.decide(&mut leases, 0, (1, 2)).admitted);
        assert!(!TWO.decide(&mut leases, 999, (2, 1)).admitted);
        assert_eq!(TWO.decide(&mut leases, 1_000, (2, 1)).remaining, 1);
    }

    #[test]
    fn a_renewed_lease_is_held_once_and_a_clock_back_does_not_hold_it_longer() {
        let mut leases = Leases::new();
        assert!(TWO.decide(&mut leases, 5_000, (1, 1)).admitted);
        assert!(TWO.decide(&mut leases, 5_500, (1, 1)).admitted);
        assert_eq!(leases.len(), 1);
        assert_eq!(TWO.decide(&mut leases, 100, (9, 0)).reset_us, 1_000);
        assert_eq!(TWO.decide(&mut leases, 0, (9, 3)).retry_us, NEVER);
    }
}
