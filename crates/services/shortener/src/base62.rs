//! Numbers as short texts in base 62 (M2, M3, M4).
//!
//! Repeated division by 62, the remainders read backwards. A deployment uses one [`Base62`]:
//! one alphabet and one width, so that each number has exactly one text and the text can be the
//! key. [`Base62::decode`] refuses every other spelling of the number (M4: `keoeNx` and its padded
//! form `akeoeNx` must not be two links).

use crate::code::{Code, MAX_CODE_LEN};

const BASE: u64 = 62;

/// 62^7: how many codes there are of at most seven characters.
pub const SPACE_OF_SEVEN: u64 = 62u64.pow(7);

/// 62^8: how many codes there are of at most eight characters, the most a [`Code`] can hold.
pub const SPACE_OF_EIGHT: u64 = 62u64.pow(8);

/// Which character stands for which digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Alphabet {
    /// A: `0-9`, `a-z`, `A-Z`. Zero is `0`.
    DigitsFirst,
    /// B: `a-z`, `A-Z`, `0-9`. Zero is `a`.
    LettersFirst,
}

/// How long a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Width {
    /// As short as the number allows: no leading zero digits.
    Growing,
    /// Padded on the left with the zero digit to seven characters; eight from 62^7 on.
    Seven,
}

/// Why a number or text has no counterpart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Base62Error {
    /// The number needs more than [`MAX_CODE_LEN`] characters.
    #[error("{0} needs more than 8 base-62 characters: numbers must stay below 62^8")]
    TooLarge(u64),
    /// The text is empty or longer than [`MAX_CODE_LEN`].
    #[error("a base-62 code has 1 to 8 characters, this one has {0}")]
    BadLength(usize),
    /// A byte outside the alphabet.
    #[error("byte {0:#04x} is not one of 0-9, a-z, A-Z")]
    BadCharacter(u8),
    /// The digits are right, but this is not how the deployment writes the number.
    #[error("the code is padded differently from how codes are issued here")]
    NotCanonical,
}

/// A deployment's way of writing numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Base62 {
    /// Which character stands for which digit.
    pub alphabet: Alphabet,
    /// Whether texts are padded.
    pub width: Width,
}

impl Base62 {
    /// Writes `number` as a code.
    ///
    /// # Errors
    /// [`Base62Error::TooLarge`] from 62^8 on.
    pub fn encode(self, number: u64) -> Result<Code, Base62Error> {
        if number >= SPACE_OF_EIGHT {
            return Err(Base62Error::TooLarge(number));
        }
        Ok(self.encode_wrapped(number, SPACE_OF_EIGHT))
    }

    /// Writes `number` modulo `space`, which is at most 62^8.
    pub(crate) fn encode_wrapped(self, number: u64, space: u64) -> Code {
        debug_assert!((1..=SPACE_OF_EIGHT).contains(&space));
        let mut text = [self.alphabet.character(0); MAX_CODE_LEN];
        let mut start = MAX_CODE_LEN;
        let mut rest = number % space;
        while rest > 0 || start == MAX_CODE_LEN {
            start -= 1;
            text[start] = self.alphabet.character(rest % BASE);
            rest /= BASE;
        }
        if self.width == Width::Seven {
            start = start.min(MAX_CODE_LEN - 7);
        }
        Code::from_checked(&text[start..])
    }

    /// Reads a code back: the inverse of [`Base62::encode`], and of nothing else.
    ///
    /// # Errors
    /// A [`Base62Error`] when `text` is not what `encode` gives for some number.
    pub fn decode(self, text: &str) -> Result<u64, Base62Error> {
        if text.is_empty() || text.len() > MAX_CODE_LEN {
            return Err(Base62Error::BadLength(text.len()));
        }
        let mut number = 0;
        for byte in text.bytes() {
            let digit = self.alphabet.digit(byte).ok_or(Base62Error::BadCharacter(byte))?;
            // Eight digits stay below 62^8, far inside 64 bits.
            number = number * BASE + digit;
        }
        let leads_with_zero = text.as_bytes()[0] == self.alphabet.character(0);
        let canonical = match self.width {
            Width::Growing => text.len() == 1 || !leads_with_zero,
            Width::Seven => text.len() == 7 || (text.len() == 8 && !leads_with_zero),
        };
        if canonical { Ok(number) } else { Err(Base62Error::NotCanonical) }
    }
}

impl Alphabet {
    /// The 62 characters, digit zero first.
    #[must_use]
    pub const fn characters(self) -> &'static [u8; 62] {
        match self {
            Self::DigitsFirst => b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
            Self::LettersFirst => b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        }
    }

    /// The character of a digit below 62.
    fn character(self, digit: u64) -> u8 {
        self.characters()[digit as usize]
    }

    fn digit(self, byte: u8) -> Option<u64> {
        let (digits, lower, upper) = match self {
            Self::DigitsFirst => (0, 10, 36),
            Self::LettersFirst => (52, 0, 26),
        };
        match byte {
            b'0'..=b'9' => Some(digits + u64::from(byte - b'0')),
            b'a'..=b'z' => Some(lower + u64::from(byte - b'a')),
            b'A'..=b'Z' => Some(upper + u64::from(byte - b'A')),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Base62 = Base62 { alphabet: Alphabet::DigitsFirst, width: Width::Growing };
    const B: Base62 = Base62 { alphabet: Alphabet::LettersFirst, width: Width::Growing };

    fn assert_pair(base: Base62, number: u64, text: &str) {
        assert_eq!(base.encode(number).unwrap().as_str(), text);
        assert_eq!(base.decode(text), Ok(number));
    }

    #[test]
    fn worked_values_of_alphabet_a() {
        assert_pair(A, 11157, "2TX");
        assert_pair(A, 2_009_215_674_938, "zn9edcu");
        assert_pair(A, 0, "0");
        assert_pair(A, 1_552_786_024_979, "rkVZUOL");
        assert_pair(A, SPACE_OF_SEVEN - 1, "ZZZZZZZ");
        assert_eq!(SPACE_OF_SEVEN - 1, 3_521_614_606_207);
    }

    #[test]
    fn worked_values_of_alphabet_b() {
        assert_pair(B, 9_223_788_073, "keoeNx");
        assert_pair(B, 9_234_529_445, "ke7i7t");
        assert_pair(B, 1_552_786_024_979, "Bu594YV");
    }

    #[test]
    fn the_eighth_character_opens_at_62_to_the_seventh_and_there_is_no_ninth() {
        assert_pair(A, SPACE_OF_SEVEN, "10000000");
        assert_pair(A, SPACE_OF_EIGHT - 1, "ZZZZZZZZ");
        assert_eq!(SPACE_OF_EIGHT, 218_340_105_584_896);
        assert_eq!(A.encode(SPACE_OF_EIGHT), Err(Base62Error::TooLarge(SPACE_OF_EIGHT)));
        assert_eq!(A.encode(u64::MAX), Err(Base62Error::TooLarge(u64::MAX)));
    }

    #[test]
    fn a_number_has_one_spelling_a_deployment() {
        let padded = Base62 { width: Width::Seven, ..B };
        assert_pair(padded, 9_223_788_073, "akeoeNx");
        assert_eq!(B.decode("akeoeNx"), Err(Base62Error::NotCanonical));
        assert_eq!(padded.decode("keoeNx"), Err(Base62Error::NotCanonical));
        assert_eq!(padded.decode("aakeoeNx"), Err(Base62Error::NotCanonical));
        assert_eq!(A.decode("00"), Err(Base62Error::NotCanonical));
        assert_pair(Base62 { width: Width::Seven, ..A }, 0, "0000000");
        assert_pair(Base62 { width: Width::Seven, ..A }, SPACE_OF_SEVEN, "10000000");
    }

    #[test]
    fn malformed_texts_are_refused() {
        assert_eq!(A.decode(""), Err(Base62Error::BadLength(0)));
        assert_eq!(A.decode("123456789"), Err(Base62Error::BadLength(9)));
        assert_eq!(A.decode("a-b"), Err(Base62Error::BadCharacter(b'-')));
        assert_eq!(A.decode("\u{e9}"), Err(Base62Error::BadCharacter(0xc3)));
    }

    #[test]
    fn a_million_random_numbers_make_the_round_trip() {
        // SplitMix64, from a fixed seed: the same million each run.
        let mut state = 62u64;
        for _ in 0..1_000_000 {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^= mixed >> 31;
            let number = mixed % SPACE_OF_EIGHT;
            for width in [Width::Growing, Width::Seven] {
                for base in [A, B] {
                    let base = Base62 { width, ..base };
                    let code = base.encode(number).unwrap();
                    assert_eq!(base.decode(code.as_str()), Ok(number));
                }
            }
        }
    }
}
