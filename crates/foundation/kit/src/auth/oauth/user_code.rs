//! The code that a person carries from a device to a browser (RFC 8628, 6.1): eight letters
//! without vowels, so that no word comes out and none looks like a digit.

use crate::entropy::Entropy;

/// The alphabet that the RFC proposes: 20 letters, 34.5 bits in eight of them. Guesses are
/// counted, so that is plenty for ten minutes.
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const LENGTH: usize = 8;

/// A fresh code, without its hyphen.
pub(super) fn draw(entropy: &Entropy) -> String {
    let mut code = String::with_capacity(LENGTH);
    while code.len() < LENGTH {
        // 240 = 12 * 20: bytes past it are thrown away so that no letter is favoured.
        let bytes = entropy.bytes16();
        let even = bytes.iter().filter(|byte| **byte < 240);
        let letters = even.map(|byte| LETTERS[usize::from(byte % 20)] as char);
        code.extend(letters.take(LENGTH - code.len()));
    }
    code
}

/// The code as it is shown: `WDJB-MJHT`.
pub(super) fn shown(code: &str) -> String {
    let (front, back) = code.split_at(code.len() / 2);
    format!("{front}-{back}")
}

/// The code that someone typed: capitals, hyphens and spaces do not matter. None for a text that
/// is no code.
pub(super) fn typed(text: &str) -> Option<String> {
    let code: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '-')
        .map(|c| c.to_ascii_uppercase())
        .take(LENGTH + 1)
        .collect();
    let is_code = code.len() == LENGTH && code.bytes().all(|byte| LETTERS.contains(&byte));
    is_code.then_some(code)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_code_is_easy_to_type() {
        assert_eq!(shown("WDJBMJHT"), "WDJB-MJHT");
        for text in ["WDJB-MJHT", "wdjbmjht", " wdjb mjht ", "W-D-J-B-M-J-H-T"] {
            assert_eq!(typed(text).as_deref(), Some("WDJBMJHT"), "{text}");
        }
        for text in ["", "WDJB", "WDJB-MJHTX", "WDJA-MJHT", "WDJB-MJH7", "ÄÄÄÄÄÄÄÄ"] {
            assert_eq!(typed(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_fresh_code_is_read_back(seed: u64) {
            let code = draw(&Entropy::seeded(seed));
            prop_assert_eq!(typed(&shown(&code)), Some(code));
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,20}") {
            let _ = typed(&text);
        }
    }
}
