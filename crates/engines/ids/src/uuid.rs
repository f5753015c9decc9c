//! UUIDs and ULIDs: 128 bits, made without asking anyone.
//!
//! Version 4 is random. Version 7 and ULID begin with the time, and rise over all threads of this
//! process: [`Rising`] counts on within a millisecond, and on past a clock that went back.
//!
//! Sources: RFC 9562, sections 5.4, 5.7 and 6.2 (method 1, a counter of 42 bits that begins at a
//! random place in its lower half); github.com/ulid/spec.

use std::fmt;

use kit::entropy::Entropy;
use parking_lot::Mutex;

use crate::digits::BASE32;

/// Random bytes are fetched for this many ids at a time: no system call an id.
const DRAW_BYTES: usize = 4_096;
const COUNTER_BITS: u32 = 42;

/// A UUID as a number, most significant first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uuid(pub u128);

impl Uuid {
    /// Reads `8-4-4-4-12` hexadecimal digits, with or without hyphens.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        let hyphens = [8, 13, 18, 23];
        let plain: String = match bytes.len() {
            32 => text.to_owned(),
            36 if hyphens.iter().all(|at| bytes[*at] == b'-') => {
                text.chars().filter(|symbol| *symbol != '-').collect()
            }
            _ => return None,
        };
        let is_hex = plain.len() == 32 && plain.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_hex { u128::from_str_radix(&plain, 16).ok().map(Self) } else { None }
    }

    fn with_version(bits: u128, version: u128) -> Self {
        const FIELDS: u128 = 0xf << 76 | 0b11 << 62;
        Self(bits & !FIELDS | version << 76 | 0b10 << 62)
    }
}

impl fmt::Display for Uuid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0;
        write!(
            formatter,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            bits >> 96,
            bits >> 80 & 0xffff,
            bits >> 64 & 0xffff,
            bits >> 48 & 0xffff,
            bits & 0xffff_ffff_ffff
        )
    }
}

/// A ULID as a number, most significant first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ulid(pub u128);

impl fmt::Display for Ulid {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 26];
        for (place, digit) in text.iter_mut().enumerate() {
            let shift = 125 - 5 * place;
            *digit = BASE32.character((self.0 >> shift & 31) as u64).to_ascii_uppercase();
        }
        formatter.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

/// What makes 128-bit ids for a whole process.
pub struct Makers {
    entropy: Entropy,
    state: Mutex<State>,
}

struct State {
    drawn: Box<[u8; DRAW_BYTES]>,
    used: usize,
    uuid: Rising,
    ulid: Rising,
}

/// Time and a counter that never go back.
#[derive(Clone, Copy, Debug, Default)]
struct Rising {
    time_ms: u64,
    counter: u128,
}

impl Rising {
    /// The next place. `fresh` is where the counter of a new millisecond begins; a counter that is
    /// full goes on in the next millisecond.
    fn next(&mut self, now_ms: u64, fresh: u128, counter_max: u128) -> Self {
        if now_ms > self.time_ms {
            *self = Self { time_ms: now_ms, counter: fresh };
        } else if self.counter < counter_max {
            self.counter += 1;
        } else {
            *self = Self { time_ms: self.time_ms + 1, counter: fresh };
        }
        *self
    }
}

impl State {
    fn draw<const BYTES: usize>(&mut self, entropy: &Entropy) -> [u8; BYTES] {
        if self.used + BYTES > DRAW_BYTES {
            entropy.fill(&mut self.drawn[..]);
            self.used = 0;
        }
        let mut bytes = [0; BYTES];
        bytes.copy_from_slice(&self.drawn[self.used..self.used + BYTES]);
        // What was used is nobody's business.
        self.drawn[self.used..self.used + BYTES].fill(0);
        self.used += BYTES;
        bytes
    }
}

impl Makers {
    /// With randomness from `entropy`.
    pub fn new(entropy: Entropy) -> Self {
        let drawn = Box::new([0; DRAW_BYTES]);
        let (uuid, ulid) = (Rising::default(), Rising::default());
        let state = State { drawn, used: DRAW_BYTES, uuid, ulid };
        Self { entropy, state: Mutex::new(state) }
    }

    /// A random UUID: 122 bits.
    pub fn uuid_v4(&self) -> Uuid {
        let bytes = self.state.lock().draw::<16>(&self.entropy);
        Uuid::with_version(u128::from_be_bytes(bytes), 4)
    }

    /// A UUID that is larger than the last one: 48 bits of time, a counter of 42, 32 random bits.
    pub fn uuid_v7(&self, now_ms: u64) -> Uuid {
        const COUNTER_MAX: u128 = (1 << COUNTER_BITS) - 1;
        let mut state = self.state.lock();
        let random = u128::from_be_bytes(state.draw::<16>(&self.entropy));
        // The counter begins in the lower half, so that a millisecond has 2^41 or more.
        let fresh = random >> 32 & (COUNTER_MAX >> 1);
        let Rising { time_ms, counter } = state.uuid.next(now_ms, fresh, COUNTER_MAX);
        let tail = random & 0xffff_ffff;
        let high = counter >> 30;
        let low = counter & ((1 << 30) - 1);
        Uuid::with_version(u128::from(time_ms) << 80 | high << 64 | low << 32 | tail, 7)
    }

    /// A ULID that is larger than the last one: 48 bits of time, 80 random bits that count on
    /// within a millisecond.
    pub fn ulid(&self, now_ms: u64) -> Ulid {
        const RANDOM_MAX: u128 = (1 << 80) - 1;
        let mut state = self.state.lock();
        let fresh = u128::from_be_bytes(state.draw::<16>(&self.entropy)) & RANDOM_MAX;
        let Rising { time_ms, counter } = state.ulid.next(now_ms, fresh, RANDOM_MAX);
        Ulid(u128::from(time_ms) << 80 | counter)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn versions_and_variants_are_where_the_rfc_has_them() {
        let makers = Makers::new(Entropy::seeded(1));
        for (uuid, version) in [(makers.uuid_v4(), '4'), (makers.uuid_v7(1_645_557_742_000), '7')] {
            let text = uuid.to_string();
            assert_eq!(text.chars().nth(14), Some(version), "{text}");
            assert!(matches!(text.chars().nth(19), Some('8' | '9' | 'a' | 'b')), "{text}");
            assert_eq!(Uuid::parse(&text), Some(uuid));
        }
        let v7 = makers.uuid_v7(1_645_557_742_000).to_string();
        assert!(v7.starts_with("017f22e2-79b0-7"), "{v7}");
        assert!(makers.ulid(1_469_922_850_259).to_string().starts_with("01ARZ3NDEK"));
    }

    #[test]
    fn they_rise_whatever_the_clock_does() {
        let makers = Makers::new(Entropy::seeded(2));
        let (mut uuid, mut ulid) = (Uuid(0), Ulid(0));
        for now_ms in [5, 5, 5, 9, 4, 4, 10, 10, 9].into_iter().cycle().take(10_000) {
            let (next_uuid, next_ulid) = (makers.uuid_v7(now_ms), makers.ulid(now_ms));
            assert!(next_uuid > uuid && next_ulid > ulid);
            (uuid, ulid) = (next_uuid, next_ulid);
        }
    }

    #[test]
    fn a_full_counter_goes_on_in_the_next_millisecond() {
        let mut rising = Rising { time_ms: 7, counter: 3 };
        let next = rising.next(7, 1, 3);
        assert_eq!((next.time_ms, next.counter), (8, 1));
    }

    #[test]
    fn random_ones_are_distinct() {
        let makers = Makers::new(Entropy::machine());
        let all: HashSet<Uuid> = (0..100_000).map(|_| makers.uuid_v4()).collect();
        assert_eq!(all.len(), 100_000);
    }
}
