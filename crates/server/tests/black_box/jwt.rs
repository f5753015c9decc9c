//! JWTs of another issuer through the front door: served within the setting's scopes, refused by
//! name, and keys taken up while serving.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::support::{Launch, eventually};

struct Issuer(Ed25519KeyPair);

impl Issuer {
    fn new() -> Self {
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self(Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap())
    }

    fn jwk(&self, id: &str) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.0.public_key().as_ref());
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": x })
    }

    fn token(&self, id: &str, audience: &str) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let claims = json!({
            "iss": "https://id.example", "aud": audience, "sub": "ann", "exp": now + 300,
            "scope": "shortener:read shortener:write platform:admin",
        });
        let header = json!({ "alg": "EdDSA", "kid": id });
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = URL_SAFE_NO_PAD.encode(self.0.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

#[test]
fn a_jwt_is_served_within_the_scopes_of_the_setting() {
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys.json");
    let publish = |all: &[Value]| fs::write(&keys, json!({ "keys": all }).to_string()).unwrap();
    let (old, new) = (Issuer::new(), Issuer::new());
    publish(&[old.jwk("1")]);
    let launch = || {
        Launch::serve(&dir.path().join("data"))
            .set("auth.jwt.issuer=https://id.example")
            .set(&format!("auth.jwt.keys_path={}", keys.display()))
            .set("auth.jwt.scopes=shortener:read,shortener:write")
    };
    let line = launch().refused();
    assert!(line.contains("auth.jwt.audience"), "{line}");
    let server = launch().set("auth.jwt.audience=backplane").start();

    let mut ann = server.client(&old.token("1", "backplane"));
    let code = ann.shorten(&json!({ "longUrl": "https://example.com/" }));
    assert_eq!(ann.get(&format!("/shortener/shorturls/{code}")).status, 200);
    assert_eq!(ann.get("/platform/users").status, 403);
    let other = server.client(&old.token("1", "another")).get("/platform/tokens");
    other.is_problem(401, "unauthorized");
    assert!(other.json()["detail"].as_str().unwrap().contains("(aud)"), "{}", other.text());

    let later = new.token("2", "backplane");
    let list = "/shortener/users/me/shorturls";
    assert_eq!(server.client(&later).get(list).status, 401);
    publish(&[new.jwk("2")]);
    server.signal("HUP");
    eventually("the new key counts", || {
        (server.client(&later).get(list).status == 200).then_some(())
    });
    assert_eq!(ann.get(list).status, 401, "a token of the old key is still let in");
}
