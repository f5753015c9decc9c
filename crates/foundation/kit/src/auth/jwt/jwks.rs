//! A set of public keys (RFC 7517). Several may be in it at a time, so that an issuer changes its
//! key with an overlap.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use serde::Deserialize;

use super::JwtRefusal;
use super::algorithm::{Algorithm, Method};

/// Keys in one set.
const KEYS_MAX: usize = 64;

/// The keys of a set that can verify a signature.
#[derive(Debug)]
pub(super) struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    /// The only algorithm that the key is for; none: any that fits its kind.
    algorithm: Option<Algorithm>,
    material: Material,
}

#[derive(Debug)]
enum Material {
    /// Modulus and exponent, both big-endian.
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// A point of P-256, uncompressed (SEC 1, 2.3.3).
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a set. Keys of kinds that are not known, or for other uses, are passed over (RFC
    /// 7517, 5).
    ///
    /// # Errors
    /// One line, when the text is no set or no key of it can be used.
    pub(super) fn read(text: &[u8]) -> Result<Self, String> {
        let document: Document = serde_json::from_slice(text)
            .map_err(|error| format!("it is no JSON Web Key Set: {error}"))?;
        if document.keys.len() > KEYS_MAX {
            return Err(format!("it has more than {KEYS_MAX} keys"));
        }
        let jwks = document.keys.into_iter().filter_map(|key| serde_json::from_value(key).ok());
        let keys: Vec<Key> = jwks.filter_map(usable).collect();
        if keys.is_empty() {
            return Err("it has no public key for signatures by RSA, EC or Ed25519".to_owned());
        }
        Ok(Self(keys))
    }

    /// Whether a key of this set made `signature`. A token without a key ID is for the only key.
    ///
    /// # Errors
    /// [`JwtRefusal::Key`], [`JwtRefusal::Algorithm`], [`JwtRefusal::Signature`].
    pub(super) fn verify(
        &self,
        (id, algorithm): (Option<&str>, Algorithm),
        signed: &str,
        signature: &[u8],
    ) -> Result<(), JwtRefusal> {
        let meant: Vec<&Key> = match id {
            Some(_) => self.0.iter().filter(|key| key.id.as_deref() == id).collect(),
            None if self.0.len() == 1 => self.0.iter().collect(),
            None => Vec::new(),
        };
        if meant.is_empty() {
            return Err(JwtRefusal::Key);
        }
        // Keys of different kinds may share an ID (RFC 7517, 4.5).
        let mut fitting = meant.into_iter().filter(|key| key.is_for(algorithm)).peekable();
        if fitting.peek().is_none() {
            return Err(JwtRefusal::Algorithm);
        }
        let is_right = fitting.any(|key| key.made(algorithm, signed.as_bytes(), signature));
        if is_right { Ok(()) } else { Err(JwtRefusal::Signature) }
    }
}

impl Key {
    fn is_for(&self, algorithm: Algorithm) -> bool {
        let kind = matches!(
            (&self.material, algorithm.method()),
            (Material::Rsa { .. }, Method::Rsa(_))
                | (Material::P256(_), Method::P256)
                | (Material::P384(_), Method::P384)
                | (Material::Ed25519(_), Method::Ed25519)
        );
        kind && self.algorithm.is_none_or(|only| only == algorithm)
    }

    fn made(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        let verified = match (&self.material, algorithm.method()) {
            (Material::Rsa { modulus, exponent }, Method::Rsa(parameters)) => {
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(parameters, signed, signature)
            }
            (Material::P256(point), Method::P256) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(signed, signature)
            }
            (Material::P384(point), Method::P384) => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point).verify(signed, signature)
            }
            (Material::Ed25519(key), Method::Ed25519) => {
                UnparsedPublicKey::new(&ED25519, key).verify(signed, signature)
            }
            _ => return false,
        };
        verified.is_ok()
    }
}

fn usable(jwk: Jwk) -> Option<Key> {
    let signs = jwk.usage.as_deref().is_none_or(|usage| usage == "sig")
        && jwk.key_ops.as_ref().is_none_or(|all| all.iter().any(|op| op == "verify"));
    let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        _ if !signs => return None,
        ("RSA", _) => Material::Rsa { modulus: number(&jwk.n?)?, exponent: number(&jwk.e?)? },
        ("EC", Some("P-256")) => Material::P256(point(&jwk.x?, &jwk.y?, 32)?),
        ("EC", Some("P-384")) => Material::P384(point(&jwk.x?, &jwk.y?, 48)?),
        ("OKP", Some("Ed25519")) => Material::Ed25519(decoded(&jwk.x?)?),
        _ => return None,
    };
    // A key for an algorithm that is not known here is a key for no signature here.
    let algorithm = match jwk.alg {
        Some(name) => Some(Algorithm::named(&name)?),
        None => None,
    };
    Some(Key { id: jwk.kid, algorithm, material })
}

/// A big-endian number without the zeros that some encoders put before it.
fn number(text: &str) -> Option<Vec<u8>> {
    let bytes = decoded(text)?;
    let start = bytes.iter().position(|byte| *byte != 0)?;
    Some(bytes[start..].to_vec())
}

fn point(x: &str, y: &str, length: usize) -> Option<Vec<u8>> {
    const UNCOMPRESSED: u8 = 4;
    let (x, y) = (decoded(x)?, decoded(y)?);
    let is_whole = x.len() == length && y.len() == length;
    is_whole.then(|| [&[UNCOMPRESSED][..], &x, &y].concat())
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::jwt::jws::Jws;

    /// RFC 7515, A.2: a key, and a token that it signed.
    const RFC_7515_A2: &str = include_str!("../../../tests/auth/rfc7515_a2.json");

    fn example() -> serde_json::Value {
        serde_json::from_str(RFC_7515_A2).unwrap()
    }

    fn set(keys: &[serde_json::Value]) -> KeySet {
        KeySet::read(serde_json::json!({ "keys": keys }).to_string().as_bytes()).unwrap()
    }

    fn verify(set: &KeySet, algorithm: Algorithm) -> Result<(), JwtRefusal> {
        let example = example();
        let jws = Jws::read(example["token"].as_str().unwrap()).unwrap();
        set.verify((None, algorithm), jws.signed, &jws.signature)
    }

    #[test]
    fn the_example_of_the_rfc_verifies() {
        let only = set(&[example()["key"].clone()]);
        assert_eq!(verify(&only, Algorithm::Rs256), Ok(()));
        assert_eq!(verify(&only, Algorithm::Ps256), Err(JwtRefusal::Signature));
        assert_eq!(verify(&only, Algorithm::Es256), Err(JwtRefusal::Algorithm));
    }

    #[test]
    fn a_key_does_what_it_is_for() {
        let with = |name: &str, value: serde_json::Value| {
            let mut key = example()["key"].clone();
            key[name] = value;
            serde_json::json!({ "keys": [key] }).to_string()
        };
        let for_another = KeySet::read(with("alg", "PS256".into()).as_bytes()).unwrap();
        assert_eq!(verify(&for_another, Algorithm::Rs256), Err(JwtRefusal::Algorithm));
        let named = KeySet::read(with("kid", "one".into()).as_bytes()).unwrap();
        assert_eq!(verify(&named, Algorithm::Rs256), Ok(()));
        let zeros = format!("AAAA{}", example()["key"]["n"].as_str().unwrap());
        let padded = KeySet::read(with("n", zeros.into()).as_bytes()).unwrap();
        assert_eq!(verify(&padded, Algorithm::Rs256), Ok(()));
        for (name, value) in [
            ("use", serde_json::json!("enc")),
            ("key_ops", serde_json::json!(["encrypt"])),
            ("alg", serde_json::json!("HS256")),
            ("kty", serde_json::json!("oct")),
        ] {
            assert!(KeySet::read(with(name, value).as_bytes()).is_err(), "{name}");
        }
    }

    #[test]
    fn a_token_without_a_key_id_is_for_the_only_key() {
        let two = set(&[example()["key"].clone(), example()["key"].clone()]);
        assert_eq!(verify(&two, Algorithm::Rs256), Err(JwtRefusal::Key));
    }

    #[test]
    fn what_is_no_set_says_so() {
        let refusal = |text: &str| KeySet::read(text.as_bytes()).unwrap_err();
        assert!(refusal("{}").contains("no JSON Web Key Set"));
        assert!(refusal(r#"{"keys":[]}"#).contains("no public key"));
        let many = serde_json::json!({ "keys": vec![serde_json::json!({}); KEYS_MAX + 1] });
        assert!(refusal(&many.to_string()).contains("more than 64"));
    }
}
