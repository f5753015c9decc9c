//! The order of codes is hidden by a keyed permutation of the counter (M11).
//!
//! Sequential codes let anyone walk all links. Here the counter goes through a secret
//! [`Permutation`] first: still one number a link, never a collision, but the next code is not to
//! be guessed. Losing the key means losing nothing but the inverse.

use structures::permutation::Permutation;

use crate::base62::{SPACE_OF_EIGHT, SPACE_OF_SEVEN};

/// The permutation of the whole code space, which never makes a seven-character number longer.
///
/// Counters below 62^7 stay below it; those from 62^7 to 62^8 - 1 stay there. So exhaustion of
/// seven characters moves to eight instead of wrapping.
#[derive(Clone)]
pub struct CodePermutation {
    seven: Permutation,
    eight: Permutation,
}

impl CodePermutation {
    /// The permutation that `key` selects. The key must stay the same for the life of the store.
    #[must_use]
    pub fn new(key: [u8; 16]) -> Self {
        Self {
            seven: Permutation::new(key, SPACE_OF_SEVEN),
            eight: Permutation::new(key, SPACE_OF_EIGHT - SPACE_OF_SEVEN),
        }
    }

    /// The number to encode for `counter`; `None` from 62^8 on.
    #[must_use]
    pub fn apply(&self, counter: u64) -> Option<u64> {
        match counter.checked_sub(SPACE_OF_SEVEN) {
            None => self.seven.apply(counter),
            Some(beyond) => self.eight.apply(beyond).map(|number| number + SPACE_OF_SEVEN),
        }
    }

    /// The counter behind an encoded number; `None` from 62^8 on.
    #[must_use]
    pub fn invert(&self, number: u64) -> Option<u64> {
        match number.checked_sub(SPACE_OF_SEVEN) {
            None => self.seven.invert(number),
            Some(beyond) => self.eight.invert(beyond).map(|counter| counter + SPACE_OF_SEVEN),
        }
    }
}

#[cfg(test)]
mod tests;
