//! The signatures that are known (RFC 7518, 3.1; RFC 8037; RFC 9864), all by a public key. HMAC
//! is left out, so that no public key is ever taken for a secret.

use ring::signature::{self, RsaParameters};

/// A signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

/// What a message is signed with.
#[derive(Clone, Copy)]
pub(super) enum Method {
    Rsa(&'static RsaParameters),
    /// ECDSA on the curve P-256, the signature as two numbers of one length.
    P256,
    P384,
    Ed25519,
}

impl Algorithm {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Rs256, "RS256"),
        (Self::Rs384, "RS384"),
        (Self::Rs512, "RS512"),
        (Self::Ps256, "PS256"),
        (Self::Ps384, "PS384"),
        (Self::Ps512, "PS512"),
        (Self::Es256, "ES256"),
        (Self::Es384, "ES384"),
        (Self::EdDsa, "EdDSA"),
    ];

    /// By its registered name; case matters.
    pub(super) fn named(name: &str) -> Option<Self> {
        // RFC 9864 gives EdDSA on this curve a name of its own.
        let name = if name == "Ed25519" { "EdDSA" } else { name };
        Self::ALL.into_iter().find(|(_, known)| *known == name).map(|(algorithm, _)| algorithm)
    }

    /// All names, for people.
    pub(super) fn names() -> String {
        Self::ALL.map(|(_, name)| name).join(", ")
    }

    pub(super) fn method(self) -> Method {
        match self {
            Self::Rs256 => Method::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Method::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Method::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Method::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Method::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Method::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
            Self::Es256 => Method::P256,
            Self::Es384 => Method::P384,
            Self::EdDsa => Method::Ed25519,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_key_signatures_have_a_name() {
        assert_eq!(Algorithm::named("RS256"), Some(Algorithm::Rs256));
        assert_eq!(Algorithm::named("Ed25519"), Some(Algorithm::EdDsa));
        for unknown in ["none", "None", "", "HS256", "HS512", "rs256", "RS1", "ES256K"] {
            assert_eq!(Algorithm::named(unknown), None, "{unknown}");
        }
    }
}
