//! The form of a token: `bp_` ID `_` secret checksum, 12 + 32 + 6 characters of `0-9a-zA-Z`.
//!
//! The ID finds the row, the secret (190 bits) proves the right, and the checksum (the CRC-32 of
//! all before it) tells a mistyped token from an unknown one without the database. The prefix and
//! checksum are also what a scanner for leaked secrets goes by.

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

use super::{AuthError, Secret};
use crate::entropy::Entropy;

/// Characters of an ID.
pub const ID_LENGTH: usize = 12;
/// What every token begins with.
pub const PREFIX: &str = "bp_";
const SECRET_LENGTH: usize = 32;
const CHECKSUM_LENGTH: usize = 6;
const LENGTH: usize = PREFIX.len() + ID_LENGTH + 1 + SECRET_LENGTH + CHECKSUM_LENGTH;
const BASE62: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// The SHA-256 of a token: what is stored in its place.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Digest([u8; 32]);

/// A fresh token: its ID and its text.
pub(super) fn mint(entropy: &Entropy) -> (String, Secret) {
    let id = entropy.text(ID_LENGTH);
    let body = format!("{PREFIX}{id}_{}", entropy.text(SECRET_LENGTH));
    let checksum = checksum(&body);
    (id, Secret::new(body + &checksum))
}

/// Whether `text` is meant to be a token of ours, well copied or not.
pub(super) fn is_meant(text: &str) -> bool {
    text.starts_with(PREFIX) && text.len() == LENGTH
}

/// The ID within a well-formed token.
///
/// # Errors
/// [`AuthError::Malformed`] when it has another form or the checksum is wrong.
pub(super) fn id_of(text: &str) -> Result<&str, AuthError> {
    const FORM: AuthError =
        AuthError::Malformed("a token is bp_, 12 characters, _, and 38 more; copy it whole");
    const MISTYPED: AuthError = AuthError::Malformed(
        "the token's checksum is wrong; copy it whole, character by character",
    );
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !is_meant(text) || !text.bytes().all(plain) {
        return Err(FORM);
    }
    let (body, given) = text.split_at(LENGTH - CHECKSUM_LENGTH);
    let (id, rest) = body[PREFIX.len()..].split_at(ID_LENGTH);
    match (rest.starts_with('_'), checksum(body) == given) {
        (false, _) => Err(FORM),
        (true, false) => Err(MISTYPED),
        (true, true) => Ok(id),
    }
}

impl Digest {
    pub(super) fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// The digest of parts that are told apart by their lengths.
    pub(super) fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `stored` is this digest, in a time that does not depend on where they differ.
    pub(super) fn is(&self, stored: &[u8]) -> bool {
        self.0.ct_eq(stored).into()
    }
}

/// CRC-32 in base 62, most significant first. Six characters hold 2^35 > 2^32.
fn checksum(body: &str) -> String {
    let crc = crc32fast::hash(body.as_bytes());
    let digit = |place: u32| BASE62[(crc / 62_u32.pow(place) % 62) as usize] as char;
    (0..CHECKSUM_LENGTH as u32).rev().map(digit).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_has_its_published_form() {
        let (id, token) = mint(&Entropy::seeded(1));
        let text = token.expose();
        assert_eq!(text.len(), 54);
        assert_eq!(id_of(text).unwrap(), id);
        assert!(text.starts_with(&format!("bp_{id}_")));
        assert!(Digest::of(text).is(Digest::of(text).bytes()));
        assert!(!Digest::of(text).is(&[]));
    }

    proptest! {
        #[test]
        fn one_wrong_character_is_noticed(
            seed: u64, place in 0..54_usize, other in "[0-9a-zA-Z_]",
        ) {
            let (_, token) = mint(&Entropy::seeded(seed));
            let mut typed = token.expose().to_owned();
            typed.replace_range(place..=place, &other);
            prop_assume!(typed != token.expose());
            prop_assert!(id_of(&typed).is_err());
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(bp_)?.{0,60}") {
            prop_assert!(id_of(&text).is_err());
        }

        #[test]
        fn parts_do_not_run_together(one in "a{0,3}", two in "a{0,3}") {
            let (joined, parts) = (format!("{one}{two}"), [one.as_bytes(), two.as_bytes()]);
            let other = Digest::of_parts(&[joined.as_bytes(), b""]);
            prop_assert_eq!(Digest::of_parts(&parts) == other, two.is_empty());
        }
    }
}
