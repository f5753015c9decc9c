//! Codes made from a hash of the long URL, with collision resolution (M6, M8).
//!
//! The alternative to counting: no number generator is needed and the next code cannot be guessed,
//! but two URLs may claim one code. Then a predefined text is appended to the URL and it is hashed
//! again, until a code is free. [`HashCodes`] keeps a Bloom filter of the codes in use in front
//! of the store: when it says "surely free", no look-up is needed.
//!
//! The hashes name links, they do not protect them: MD5 and SHA-1 are broken as signatures and
//! whoever wants two URLs to collide can have that, at the price of one more attempt.

use md5::{Digest, Md5};
use sha1::Sha1;
use structures::bloom::{Bloom, BloomError};

use crate::base62::{Alphabet, Base62, SPACE_OF_SEVEN, Width};
use crate::code::Code;

/// Appended to the long URL once an attempt. No accepted URL contains it, since a space inside is
/// refused: the text hashed at a later attempt is no other link's first.
pub const COLLISION_SUFFIX: &str = " |again";

/// Most attempts [`candidate`] serves; after so many collisions the store is full or attacked.
pub const MAX_ATTEMPTS: u32 = 64;

/// False positives of the first filter; the rates of those that follow add up to as much again.
const FIRST_RATE: f64 = 0.005;

/// How a hash becomes a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashMethod {
    /// The first seven hexadecimal digits of the CRC-32. 16^7 codes: for small deployments.
    Crc32Hex,
    /// The first seven hexadecimal digits of the MD5. 16^7 codes.
    Md5Hex,
    /// The first seven hexadecimal digits of the SHA-1. 16^7 codes.
    Sha1Hex,
    /// The top 42 bits of the MD5, modulo 62^7, in base 62: at most seven characters (M8).
    ///
    /// 2^42 is a quarter above 62^7, so the lowest quarter of codes comes up twice as often.
    Md5Base62(Alphabet),
}

/// The code of `url` at an attempt, 0 for the first. Pure: the same for the same arguments.
///
/// An attempt from [`MAX_ATTEMPTS`] on counts as the last one.
#[must_use]
pub fn candidate(method: HashMethod, url: &str, attempt: u32) -> Code {
    let attempt = attempt.min(MAX_ATTEMPTS - 1) as usize;
    let text = [url, &COLLISION_SUFFIX.repeat(attempt)].concat();
    match method {
        HashMethod::Crc32Hex => seven_hex(&crc32fast::hash(text.as_bytes()).to_be_bytes()),
        HashMethod::Md5Hex => seven_hex(&md5_of(&text)),
        HashMethod::Sha1Hex => seven_hex(&<[u8; 20]>::from(Sha1::digest(text.as_bytes()))[..4]),
        HashMethod::Md5Base62(alphabet) => {
            let base62 = Base62 { alphabet, width: Width::Growing };
            base62.encode_wrapped(top_42_bits(&md5_of(&text)), SPACE_OF_SEVEN)
        }
    }
}

/// What is known of a candidate before the store is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proposal {
    /// The code.
    pub code: Code,
    /// Whether it is surely unused: put it in without looking first. (The put is conditional all
    /// the same, since another writer may be about to take it.)
    pub surely_free: bool,
}

/// Hash codes with Bloom filters of those in use.
///
/// The filters must hold every code in the store. Insert a code before acknowledging its link, and
/// rebuild them from the store after a loss; a code too many in them costs a look-up.
///
/// A full filter is followed by one of twice its size and half its rate (Almeida et al., "Scalable
/// Bloom filters", 2007), so that all together stay below 1 % however many links come.
#[derive(Debug, Clone)]
pub struct HashCodes {
    method: HashMethod,
    /// All but the last are full.
    used: Vec<Bloom>,
    /// Codes that the last one is made for, and its rate then.
    room: u64,
    rate: f64,
}

impl HashCodes {
    /// An empty filter for `expected_links` at first: 1.4 MB a million.
    ///
    /// # Errors
    /// [`BloomError::Size`] when there is no filter of that size.
    pub fn new(method: HashMethod, expected_links: u64) -> Result<Self, BloomError> {
        let used = vec![Bloom::new(expected_links, FIRST_RATE)?];
        Ok(Self { method, used, room: expected_links, rate: FIRST_RATE })
    }

    /// The candidate of an attempt, and whether the store must be asked.
    #[must_use]
    pub fn propose(&self, url: &str, attempt: u32) -> Proposal {
        let code = candidate(self.method, url, attempt);
        let text = code.as_str().as_bytes();
        Proposal { code, surely_free: !self.used.iter().any(|used| used.may_contain(text)) }
    }

    /// Marks a code as used.
    pub fn insert(&mut self, code: &Code) {
        if self.used.last().is_some_and(|last| last.inserted() >= self.room) {
            // Beyond the largest filter the last one goes on, and look-ups become more frequent.
            if let Ok(next) = Bloom::new(self.room.saturating_mul(2), self.rate / 2.0) {
                self.used.push(next);
                (self.room, self.rate) = (self.room.saturating_mul(2), self.rate / 2.0);
            }
        }
        if let Some(last) = self.used.last_mut() {
            last.insert(code.as_str().as_bytes());
        }
    }
}

fn md5_of(text: &str) -> [u8; 16] {
    Md5::digest(text.as_bytes()).into()
}

fn top_42_bits(hash: &[u8; 16]) -> u64 {
    let top = hash[..6].iter().fold(0, |bits, byte| bits << 8 | u64::from(*byte));
    top >> 6
}

fn seven_hex(head: &[u8]) -> Code {
    let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
    let mut text = [b'0'; 7];
    for (place, character) in text.iter_mut().enumerate() {
        let byte = head[place / 2];
        *character = digit(if place % 2 == 0 { byte >> 4 } else { byte & 0xf });
    }
    Code::from_checked(&text)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const SAMPLE: &str = "https://en.wikipedia.org/wiki/Systems_design";
    const MD5_A: HashMethod = HashMethod::Md5Base62(Alphabet::DigitsFirst);
    const MD5_B: HashMethod = HashMethod::Md5Base62(Alphabet::LettersFirst);

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Acceptance 2.
    #[test]
    fn hashes_of_the_sample_url() {
        assert_eq!(hex(&crc32fast::hash(SAMPLE.as_bytes()).to_be_bytes()), "5cb54054");
        assert_eq!(hex(&md5_of(SAMPLE)), "5a62509a84df9ee03fe1230b9df8b84e");
        let sha1: [u8; 20] = Sha1::digest(SAMPLE.as_bytes()).into();
        assert_eq!(hex(&sha1), "0eeae7916c06853901d9ccbefbfcaf4de57ed85b");
    }

    #[test]
    fn codes_of_the_sample_url() {
        let code = |method| candidate(method, SAMPLE, 0).to_string();
        assert_eq!(code(HashMethod::Crc32Hex), "5cb5405");
        assert_eq!(code(HashMethod::Md5Hex), "5a62509");
        assert_eq!(code(HashMethod::Sha1Hex), "0eeae79");
        assert_eq!(code(MD5_A), "rkVZUOL");
        assert_eq!(code(MD5_B), "Bu594YV");
        assert_eq!(top_42_bits(&md5_of(SAMPLE)), 1_552_786_024_979);
    }

    /// Acceptance 15. The largest 42-bit value needs eight characters unless it is reduced.
    #[test]
    fn never_more_than_seven_characters() {
        assert!(top_42_bits(&[0xff; 16]) >= SPACE_OF_SEVEN);
        let base62 = Base62 { alphabet: Alphabet::DigitsFirst, width: Width::Growing };
        let largest = base62.encode_wrapped(top_42_bits(&[0xff; 16]), SPACE_OF_SEVEN);
        assert_eq!(base62.decode(largest.as_str()), Ok((1 << 42) - 1 - SPACE_OF_SEVEN));
        for number in 0..200_000 {
            let url = format!("https://example.com/{number}");
            assert!(candidate(MD5_A, &url, number % 3).as_str().len() <= 7);
        }
    }

    #[test]
    fn each_attempt_is_another_code_and_their_number_is_bounded() {
        let attempts = (0..MAX_ATTEMPTS).map(|attempt| candidate(MD5_A, SAMPLE, attempt));
        assert_eq!(attempts.collect::<HashSet<_>>().len(), 64);
        assert_eq!(candidate(MD5_A, SAMPLE, u32::MAX), candidate(MD5_A, SAMPLE, 63));
        let again = format!("{SAMPLE}{COLLISION_SUFFIX}");
        assert_eq!(candidate(MD5_A, SAMPLE, 1), candidate(MD5_A, &again, 0));
    }

    /// Acceptance 14: 98 % of creates need no look-up, and collisions resolve.
    #[test]
    fn most_creates_make_no_look_up_and_no_code_is_given_twice() {
        const LINKS: u64 = 100_000;
        for method in [MD5_A, HashMethod::Crc32Hex] {
            let mut codes = HashCodes::new(method, LINKS).unwrap();
            let mut store = HashSet::new();
            let mut creates_with_look_up = 0;
            for number in 0..LINKS {
                let url = format!("https://example.com/page/{number}");
                let mut looked = false;
                let code = (0..MAX_ATTEMPTS)
                    .map(|attempt| codes.propose(&url, attempt))
                    .find(|proposal| {
                        looked |= !proposal.surely_free;
                        proposal.surely_free || !store.contains(&proposal.code)
                    })
                    .unwrap()
                    .code;
                creates_with_look_up += u64::from(looked);
                codes.insert(&code);
                assert!(store.insert(code), "{code} was given twice");
            }
            assert!(creates_with_look_up * 50 <= LINKS, "{creates_with_look_up} look-ups");
        }
    }

    /// Made for a thousand, used for a hundred times as many.
    #[test]
    fn a_filter_that_was_made_too_small_keeps_its_rate() {
        let mut codes = HashCodes::new(MD5_A, 1_000).unwrap();
        let url = |number: u32| format!("https://example.com/{number}");
        (0..100_000).for_each(|number| codes.insert(&candidate(MD5_A, &url(number), 0)));
        assert!((0..100_000).all(|number| !codes.propose(&url(number), 0).surely_free));
        let new = 100_000..200_000;
        let asked = new.filter(|number| !codes.propose(&url(*number), 0).surely_free).count();
        assert!(asked < 1_000, "{asked} of 100,000 new targets made a look-up");
    }

    #[test]
    fn a_forced_collision_goes_to_the_second_attempt() {
        let mut codes = HashCodes::new(MD5_A, 1000).unwrap();
        codes.insert(&candidate(MD5_A, SAMPLE, 0));
        assert!(!codes.propose(SAMPLE, 0).surely_free);
        let second = codes.propose(SAMPLE, 1);
        assert!(second.surely_free);
        assert_ne!(second.code, candidate(MD5_A, SAMPLE, 0));
    }
}
