//! JWTs of another issuer: let in when every check holds, and refused by the name of the one that
//! does not. Each key pair but the RSA one of RFC 7515, A.2 is made by the test.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use kit::auth::jwt::{Issuer, JwtRefusal, JwtSection};
use kit::auth::{AuthError, Kind, Mode};
use ring::rand::SystemRandom;
use ring::rsa::KeyPair as RsaKeyPair;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256,
};
use serde_json::{Value, json};

use super::{House, START, new_token};

const ISSUER: &str = "https://id.example";
const START_S: i64 = START.micros() / 1_000_000;

/// A private key of the issuer.
enum Signer {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    fn rsa() -> Self {
        let example: Value = serde_json::from_str(include_str!("rfc7515_a2.json")).unwrap();
        let part = |of: &str, name: &str| decoded(example[of][name].as_str().unwrap());
        let components = ring::rsa::KeyPairComponents {
            public_key: ring::rsa::PublicKeyComponents { n: part("key", "n"), e: part("key", "e") },
            d: part("private", "d"),
            p: part("private", "p"),
            q: part("private", "q"),
            dP: part("private", "dp"),
            dQ: part("private", "dq"),
            qInv: part("private", "qi"),
        };
        Self::Rsa(RsaKeyPair::from_components(&components).unwrap())
    }

    fn p256() -> Self {
        let (random, kind) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let made = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        Self::P256(EcdsaKeyPair::from_pkcs8(kind, made.as_ref(), &random).unwrap())
    }

    fn ed25519() -> Self {
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::Ed25519(Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap())
    }

    /// The public half, as the issuer publishes it.
    fn jwk(&self, id: &str) -> Value {
        match self {
            Self::Rsa(_) => {
                let example: Value = serde_json::from_str(include_str!("rfc7515_a2.json")).unwrap();
                let mut key = example["key"].clone();
                key["kid"] = id.into();
                key
            }
            Self::P256(key) => {
                let (x, y) = key.public_key().as_ref()[1..].split_at(32);
                json!({ "kty": "EC", "crv": "P-256", "kid": id, "x": text(x), "y": text(y) })
            }
            Self::Ed25519(key) => {
                let x = text(key.public_key().as_ref());
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": x, "use": "sig" })
            }
        }
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(key) => {
                let padding: &dyn ring::signature::RsaEncoding =
                    if algorithm == "PS256" { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(padding, &random, message, &mut signature).unwrap();
                signature
            }
            Self::P256(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
        }
    }

    fn token(&self, algorithm: &str, id: &str, claims: &Value) -> String {
        let header = json!({ "alg": algorithm, "typ": "JWT", "kid": id });
        let signed = format!("{}.{}", part(&header), part(claims));
        let signature = text(&self.sign(algorithm, signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

fn decoded(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn part(json: &Value) -> String {
    text(json.to_string().as_bytes())
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": ["backplane"], "sub": "ann", "exp": START_S + 300,
        "scope": "openid shortener:read shortener:write",
    })
}

fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

/// A house that trusts the issuer with these keys.
fn trusting(keys: &[Value]) -> House {
    let house = House::open(Mode::Serve);
    publish(&house, keys);
    house.auth.trust(Issuer::load(section(&house)).unwrap().unwrap());
    house
}

fn publish(house: &House, keys: &[Value]) {
    let set = json!({ "keys": keys }).to_string();
    std::fs::write(house.dir.path().join("keys.json"), set).unwrap();
}

fn section(house: &House) -> JwtSection {
    JwtSection {
        issuer: ISSUER.to_owned(),
        audience: "backplane".to_owned(),
        keys_path: house.dir.path().join("keys.json"),
        algorithms: ["RS256", "PS256", "ES256", "EdDSA"].map(str::to_owned).to_vec(),
        scopes: vec!["shortener:read".to_owned(), "queue:*".to_owned()],
        scope_claim: "scope".to_owned(),
        namespace_claim: "namespace".to_owned(),
        leeway_seconds: 60,
    }
}

async fn refusal(house: &House, token: &str) -> JwtRefusal {
    let refused = house.bearer(token).await.unwrap_err();
    assert_eq!(refused.status(), 401);
    let (told, parts) = (format!("{refused} {refused:?}"), token.split('.'));
    for part in parts.filter(|part| !part.is_empty()) {
        assert!(!told.contains(part), "{told}");
    }
    let AuthError::Jwt(check) = refused else { panic!("{refused}") };
    check
}

#[tokio::test]
async fn every_algorithm_lets_in_with_the_scopes_that_the_setting_allows() {
    let (rsa, p256, ed25519) = (Signer::rsa(), Signer::p256(), Signer::ed25519());
    let keys = [rsa.jwk("rsa"), p256.jwk("p256"), ed25519.jwk("ed")];
    let house = trusting(&keys);
    let signed = [(&rsa, "RS256", "rsa"), (&rsa, "PS256", "rsa"), (&p256, "ES256", "p256")];
    for (signer, algorithm, id) in signed.into_iter().chain([(&ed25519, "EdDSA", "ed")]) {
        let principal = house.bearer(&signer.token(algorithm, id, &claims())).await.unwrap();
        assert_eq!((&*principal.id, principal.kind), ("jwt:ann", Kind::User));
        assert_eq!(principal.scopes.to_string(), "shortener:read", "{algorithm}");
        assert_eq!(principal.namespace.as_str(), "default");
    }
    let elsewhere = rsa.token("RS256", "rsa", &claims_with("namespace", "team-7".into()));
    assert_eq!(house.bearer(&elsewhere).await.unwrap().namespace.as_str(), "team-7");
}

#[tokio::test]
async fn forged_tokens_are_refused_by_name() {
    let (rsa, p256) = (Signer::rsa(), Signer::p256());
    let house = trusting(&[rsa.jwk("rsa"), p256.jwk("p256")]);
    let none = format!("{}.{}.", part(&json!({ "alg": "none" })), part(&claims()));
    assert_eq!(refusal(&house, &none).await, JwtRefusal::Algorithm);

    // HMAC with the text of the public key for a secret, as RFC 8725, 2.1 tells of it.
    let signed = format!("{}.{}", part(&json!({ "alg": "HS256", "kid": "rsa" })), part(&claims()));
    let public = rsa.jwk("rsa").to_string();
    let mut hmac = Hmac::<sha2::Sha256>::new_from_slice(public.as_bytes()).unwrap();
    hmac.update(signed.as_bytes());
    let by_hmac = format!("{signed}.{}", text(&hmac.finalize().into_bytes()));
    assert_eq!(refusal(&house, &by_hmac).await, JwtRefusal::Algorithm);

    let good = rsa.token("RS256", "rsa", &claims());
    let (head, signature) = good.rsplit_once('.').unwrap();
    let (header, _) = head.split_once('.').unwrap();
    let altered = part(&claims_with("scope", "shortener:* queue:*".into()));
    let altered = format!("{header}.{altered}.{signature}");
    assert_eq!(refusal(&house, &altered).await, JwtRefusal::Signature);
    assert_eq!(refusal(&house, &format!("{head}.")).await, JwtRefusal::Signature);
    let stranger = Signer::p256().token("ES256", "p256", &claims());
    assert_eq!(refusal(&house, &stranger).await, JwtRefusal::Signature);
    let unknown = rsa.token("RS256", "older", &claims());
    assert_eq!(refusal(&house, &unknown).await, JwtRefusal::Key);
    let crossed = rsa.token("RS256", "p256", &claims());
    assert_eq!(refusal(&house, &crossed).await, JwtRefusal::Algorithm);
    let not_listed = rsa.token("RS512", "rsa", &claims());
    assert_eq!(refusal(&house, &not_listed).await, JwtRefusal::Algorithm);
    house.bearer(&good).await.unwrap();
}

#[tokio::test]
async fn each_claim_is_held_to() {
    let rsa = Signer::rsa();
    let house = trusting(&[rsa.jwk("rsa")]);
    let refused = async |name: &str, value: Value| {
        refusal(&house, &rsa.token("RS256", "rsa", &claims_with(name, value))).await
    };
    assert_eq!(refused("iss", "https://other.example".into()).await, JwtRefusal::Issuer);
    assert_eq!(refused("aud", "another".into()).await, JwtRefusal::Audience);
    assert_eq!(refused("exp", (START_S - 60).into()).await, JwtRefusal::Expired);
    assert_eq!(refused("nbf", (START_S + 61).into()).await, JwtRefusal::NotYet);
    assert_eq!(refused("sub", Value::Null).await, JwtRefusal::Subject);
    let mut endless = claims();
    endless.as_object_mut().unwrap().remove("exp");
    assert_eq!(refusal(&house, &rsa.token("RS256", "rsa", &endless)).await, JwtRefusal::NoExpiry);
}

#[tokio::test]
async fn a_token_is_kept_until_its_own_end() {
    let rsa = Signer::rsa();
    let house = trusting(&[rsa.jwk("rsa")]);
    let token = rsa.token("RS256", "rsa", &claims());
    assert!(house.auth.known_token(&token).is_none());
    let principal = house.bearer(&token).await.unwrap();
    assert!(std::sync::Arc::ptr_eq(&house.auth.known_token(&token).unwrap(), &principal));
    house.clock.advance(Duration::from_secs(359));
    assert!(house.auth.known_token(&token).is_some());
    house.clock.advance(Duration::from_secs(1));
    assert!(house.auth.known_token(&token).is_none());
    assert_eq!(refusal(&house, &token).await, JwtRefusal::Expired);
}

#[tokio::test]
async fn keys_change_with_an_overlap() {
    let (old, new) = (Signer::ed25519(), Signer::p256());
    let (by_old, by_new) = (old.token("EdDSA", "1", &claims()), new.token("ES256", "2", &claims()));
    let house = trusting(&[old.jwk("1")]);
    house.bearer(&by_old).await.unwrap();
    assert_eq!(refusal(&house, &by_new).await, JwtRefusal::Key);

    publish(&house, &[old.jwk("1"), new.jwk("2")]);
    house.auth.reload_keys().unwrap();
    house.bearer(&by_old).await.unwrap();
    house.bearer(&by_new).await.unwrap();

    publish(&house, &[new.jwk("2")]);
    house.auth.reload_keys().unwrap();
    assert_eq!(refusal(&house, &by_old).await, JwtRefusal::Key);
    house.bearer(&by_new).await.unwrap();

    std::fs::write(house.dir.path().join("keys.json"), "half a fi").unwrap();
    let error = house.auth.reload_keys().unwrap_err().to_string();
    assert!(error.contains("keys.json, set by auth.jwt.keys_path"), "{error}");
    house.bearer(&by_new).await.unwrap();
}

#[tokio::test]
async fn a_jwt_leaves_nothing_that_outlives_it() {
    let rsa = Signer::rsa();
    let house = trusting(&[rsa.jwk("rsa")]);
    let token = rsa.token("RS256", "rsa", &claims());
    let ann = house.bearer(&token).await.unwrap();
    let made = house.auth.create_token(&ann, new_token("shortener:read")).await.unwrap_err();
    assert_eq!(made.status(), 403);
    assert_eq!(house.auth.logout(&token).await.unwrap_err().status(), 422);
    assert!(matches!(House::open(Mode::Serve).bearer(&token).await, Err(AuthError::Malformed(_))));
}

#[tokio::test]
async fn settings_that_cannot_be_are_refused_by_name() {
    let house = House::open(Mode::Serve);
    publish(&house, &[Signer::rsa().jwk("rsa")]);
    let error = |section: JwtSection| Issuer::load(section).unwrap_err().to_string();
    let good = section(&house);
    assert!(Issuer::load(JwtSection { issuer: String::new(), ..good.clone() }).unwrap().is_none());
    let no_audience = JwtSection { audience: String::new(), ..good.clone() };
    assert!(error(no_audience).starts_with("auth.jwt.audience"));
    for algorithm in ["none", "HS256"] {
        let algorithms = vec![algorithm.to_owned()];
        let refused = error(JwtSection { algorithms, ..good.clone() });
        assert!(refused.starts_with("auth.jwt.algorithms"), "{refused}");
    }
    let scopes = vec!["everything".to_owned()];
    assert!(error(JwtSection { scopes, ..good.clone() }).starts_with("auth.jwt.scopes"));
    let long = JwtSection { leeway_seconds: 601, ..good.clone() };
    assert!(error(long).starts_with("auth.jwt.leeway_seconds"));
    let keys_path = house.dir.path().join("nowhere.json");
    assert!(error(JwtSection { keys_path, ..good }).contains("nowhere.json"));
}
