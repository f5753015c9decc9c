//! `auth::Auth`: in a house that issued no credential, none that is made up is known.
//!
//! Each line is a header, `name: value`.

#![no_main]

use std::sync::LazyLock;

use http::{HeaderMap, HeaderName, HeaderValue};
use kit::auth::{Auth, AuthSettings, Mode};
use kit::clock::Clock;
use kit::entropy::Entropy;
use kit::sql::{Db, Durability, OpenOptions};
use libfuzzer_sys::fuzz_target;

static AUTH: LazyLock<Auth> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let options = OpenOptions {
        path: folder.path().join("auth.db"),
        migrations: Auth::MIGRATIONS,
        durability: Durability::Buffered,
    };
    let db = Db::open_sqlite(&options).unwrap_or_else(|error| panic!("{error}"));
    let settings = AuthSettings { mode: Mode::Serve, anonymous: true };
    Auth::open(db, Clock::system(), Entropy::machine(), settings)
});

fuzz_target!(|bytes: &[u8]| {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        let (name, value) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value));
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let shows_one = headers.contains_key("authorization") || headers.contains_key("x-api-key");
    match AUTH.known(&headers) {
        Some(principal) => {
            assert!(!shows_one, "{headers:?}");
            assert!(principal.require("platform:tokens").is_err());
        }
        None => assert!(shows_one, "{headers:?}"),
    }
});
