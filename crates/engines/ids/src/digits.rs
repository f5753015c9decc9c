//! Which character stands for which digit.

/// The digits of a base, the lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digits(&'static [u8]);

/// Crockford's, in small letters (crockford.com/base32.html). A ULID has them in capitals.
pub(crate) const BASE32: Digits = Digits(b"0123456789abcdefghjkmnpqrstvwxyz");
/// Bitcoin's.
pub(crate) const BASE58: Digits =
    Digits(b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz");
/// Digits, capitals, small letters: KSUID's.
pub(crate) const BASE62: Digits =
    Digits(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");

impl Digits {
    /// How many there are.
    pub(crate) fn base(self) -> u64 {
        self.0.len() as u64
    }

    /// The digit that `character` is.
    pub(crate) fn value(self, character: u8) -> Option<u64> {
        self.0.iter().position(|digit| *digit == character).map(|value| value as u64)
    }

    /// The character of the digit `value`, of which only the lowest place counts.
    pub(crate) fn character(self, value: u64) -> u8 {
        // A remainder is below the number of digits.
        self.0[(value % self.base()) as usize]
    }
}
