//! Proof Key for Code Exchange (RFC 7636), by SHA-256 only: whoever redeems a code shows that it
//! was they who asked for it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

/// The one method that is taken; `plain` protects from nothing that TLS does not.
pub const METHOD: &str = "S256";
/// Characters of a verifier (RFC 7636, 4.1).
const VERIFIER_LENGTH_MIN: usize = 43;
const VERIFIER_LENGTH_MAX: usize = 128;

/// Whether a challenge is the base64url of 32 bytes, as SHA-256 makes them.
pub(super) fn is_challenge(text: &str) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

/// Whether `challenge` was made from `verifier`.
pub(super) fn fits(verifier: &str, challenge: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let length = VERIFIER_LENGTH_MIN..=VERIFIER_LENGTH_MAX;
    if !length.contains(&verifier.len()) || !verifier.bytes().all(plain) {
        return false;
    }
    let made = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    made.as_bytes().ct_eq(challenge.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_example_of_the_rfc_fits() {
        assert!(is_challenge(CHALLENGE));
        assert!(fits(VERIFIER, CHALLENGE));
    }

    #[test]
    fn nothing_else_does() {
        assert!(!fits(&VERIFIER.replace('d', "e"), CHALLENGE));
        // The method `plain` would take these.
        assert!(!fits(CHALLENGE, CHALLENGE));
        assert!(!fits("", "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"));
        assert!(!fits(&VERIFIER[1..], CHALLENGE));
        assert!(!fits(&"x".repeat(129), CHALLENGE));
        for bad in ["", "short", &format!("{CHALLENGE}="), &CHALLENGE.replace('E', "+")] {
            assert!(!is_challenge(bad), "{bad}");
        }
    }
}
