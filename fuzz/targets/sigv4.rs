//! `auth::sigv4`: no made-up signature verifies, and the canonical form of S3 is its own.
//!
//! The first line is `METHOD PATH?QUERY`, each further one a header, up to an empty line.

#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use kit::auth::Secret;
use kit::auth::sigv4::{self, SignedRequest};
use kit::clock::Timestamp;
use libfuzzer_sys::fuzz_target;

const PAYLOAD: &str = "UNSIGNED-PAYLOAD";

fuzz_target!(|text: &str| {
    let mut lines = text.lines();
    let Some((method, path_and_query)) = lines.next().and_then(|line| line.split_once(' ')) else {
        return;
    };
    let Ok(method) = Method::from_bytes(method.as_bytes()) else { return };
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let (name, value) = (HeaderName::try_from(name), HeaderValue::try_from(value.trim()));
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let scope = sigv4::recognise(&headers, Some(query));
    if let Ok(Some(scope)) = &scope {
        assert_eq!(scope.date.len(), 8);
        assert!(!scope.service.contains('/') && !scope.access_key.is_empty());
    }
    let request =
        SignedRequest { method: &method, path, query, headers: &headers, payload_hash: PAYLOAD };
    let now = Timestamp::parse("2026-11-24T00:00:00Z").unwrap_or_default();
    assert!(sigv4::verify(&Secret::new("unknown"), &request, now).is_err());
    if let Ok(canonical) = sigv4::canonical_request(&request) {
        let mut parts = canonical.split('\n');
        let (Some(_), Some(path), Some(query)) = (parts.next(), parts.next(), parts.next()) else {
            panic!("{canonical:?}");
        };
        let again = sigv4::canonical_request(&SignedRequest { path, query, ..request });
        let is_s3 = scope.is_ok_and(|scope| scope.is_some_and(|scope| scope.service == "s3"));
        assert!(!is_s3 || again.as_deref() == Ok(&canonical), "{canonical:?} {again:?}");
        let again = again.unwrap_or_default();
        assert_eq!(again.split('\n').nth(2), Some(query));
    }
});
