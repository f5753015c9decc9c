//! Randomness, read from the machine here and nowhere else.
//!
//! A system is handed an [`Entropy`]; a test hands it a seeded one and every draw repeats.

use std::sync::Arc;

use parking_lot::Mutex;

const BASE62: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// A source of random bytes, cheap to clone.
#[derive(Clone)]
pub struct Entropy(Source);

#[derive(Clone)]
enum Source {
    Machine,
    Seeded(Arc<Mutex<SplitMix64>>),
}

impl Entropy {
    /// The operating system's generator: fit for keys and tokens.
    pub fn machine() -> Self {
        Self(Source::Machine)
    }

    /// A repeatable source for tests and simulation. Never for secrets.
    pub fn seeded(seed: u64) -> Self {
        Self(Source::Seeded(Arc::new(Mutex::new(SplitMix64(seed)))))
    }

    /// Fills `bytes`.
    ///
    /// # Panics
    /// When the operating system has no randomness to give, which leaves no safe way on.
    pub fn fill(&self, bytes: &mut [u8]) {
        match &self.0 {
            Source::Machine => {
                let filled = getrandom::fill(bytes);
                assert!(filled.is_ok(), "the operating system refused randomness: {filled:?}");
            }
            Source::Seeded(generator) => {
                let mut generator = generator.lock();
                for chunk in bytes.chunks_mut(8) {
                    let drawn = generator.next().to_le_bytes();
                    chunk.copy_from_slice(&drawn[..chunk.len()]);
                }
            }
        }
    }

    /// Sixteen random bytes, for keys and salts.
    pub fn bytes16(&self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        bytes
    }

    /// A uniform 64-bit number.
    pub fn number(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// `length` characters of `0-9a-zA-Z`, 5.95 bits each: 32 of them carry 190 bits.
    pub fn text(&self, length: usize) -> String {
        let mut text = String::with_capacity(length);
        let mut bytes = [0; 64];
        while text.len() < length {
            self.fill(&mut bytes);
            // 248 = 4 * 62: bytes past it are thrown away so that no character is favoured.
            let even = bytes.iter().filter(|byte| **byte < 248);
            text.extend(
                even.take(length - text.len()).map(|byte| BASE62[usize::from(byte % 62)] as char),
            );
        }
        text
    }
}

/// Vigna's SplitMix64: small, full period, good enough to drive tests.
struct SplitMix64(u64);

impl SplitMix64 {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_draws() {
        let (first, second) = (Entropy::seeded(7), Entropy::seeded(7));
        assert_eq!(first.number(), second.number());
        assert_eq!(first.text(40), second.text(40));
        assert_ne!(first.number(), Entropy::seeded(8).number());
    }

    #[test]
    fn text_uses_the_whole_alphabet() {
        let text = Entropy::machine().text(10_000);
        assert_eq!(text.len(), 10_000);
        assert!(BASE62.iter().all(|byte| text.contains(*byte as char)));
    }
}
