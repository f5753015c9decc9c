//! AWS Signature Version 4: requests that are signed with a secret instead of carrying it.
//!
//! [`recognise`] tells for which service a request was signed, so that the edge can take it there;
//! [`verify`] checks a signature in the header. Source: "Signature Version 4 signing process" in
//! the AWS General Reference, with its published test suite.
//!
//! All of it is pure. Not here: the signatures of presigned queries and of chunked uploads
//! (`STREAMING-...` payloads), which belong to the one protocol that has them.

mod canonical;
mod scope;

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, Method};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;

pub use scope::{SigV4Scope, recognise};

use super::Secret;
use crate::clock::Timestamp;
use scope::Authorization;

/// How far a signer's clock may be from ours, either way (the value of AWS).
const SKEW_MAX: Duration = Duration::from_secs(15 * 60);
const DATE_HEADER: &str = "x-amz-date";
const PAYLOAD_HEADER: &str = "x-amz-content-sha256";

/// Why a signed request is refused.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SigV4Error {
    /// The request carries no `AWS4-HMAC-SHA256` in its `Authorization`.
    #[error("the request is not signed with AWS4-HMAC-SHA256 in its Authorization header")]
    NotSigned,
    /// The signature's parts cannot be read; the text says which.
    #[error("the signature is malformed: {0}")]
    Malformed(&'static str),
    /// A header that must be signed is not.
    #[error("host and every x-amz- header must be among SignedHeaders, and be sent")]
    HeaderNotSigned,
    /// The time of signing is too far from ours.
    #[error("the request was signed at another time than now: check the clock")]
    Skewed,
    /// The body is not the one that was signed.
    #[error("x-amz-content-sha256 is not the hash of the body")]
    PayloadMismatch,
    /// The signature is another one.
    #[error("the signature does not match: check the secret key, and what changed on the way")]
    Mismatch,
}

/// A request as it came over the wire.
#[derive(Clone, Copy, Debug)]
pub struct SignedRequest<'r> {
    /// Its method.
    pub method: &'r Method,
    /// Its path, still percent-encoded.
    pub path: &'r str,
    /// What follows the `?`, still percent-encoded; empty when there is none.
    pub query: &'r str,
    /// Its headers, `host` among them.
    pub headers: &'r HeaderMap,
    /// The SHA-256 of its body in small hex, or `UNSIGNED-PAYLOAD` where that is allowed.
    pub payload_hash: &'r str,
}

/// Checks that whoever signed `request` has `secret`, and did so within 15 minutes of `now`.
///
/// # Errors
/// See [`SigV4Error`]; [`SigV4Error::Mismatch`] whatever the difference is.
pub fn verify(
    secret: &Secret,
    request: &SignedRequest<'_>,
    now: Timestamp,
) -> Result<(), SigV4Error> {
    let authorization = Authorization::read(request.headers)?.ok_or(SigV4Error::NotSigned)?;
    let date_time = one(request.headers, DATE_HEADER).ok_or(SigV4Error::HeaderNotSigned)?;
    check_time(date_time, &authorization.scope, now)?;
    check_headers(request.headers, &authorization)?;
    let announced = one(request.headers, PAYLOAD_HEADER).unwrap_or(request.payload_hash);
    if announced != request.payload_hash {
        return Err(SigV4Error::PayloadMismatch);
    }
    let canonical = canonical::request(request, &authorization);
    let signature = sign(secret, &authorization.scope, date_time, &canonical);
    match signature.as_bytes().ct_eq(authorization.signature.as_bytes()).into() {
        true => Ok(()),
        false => Err(SigV4Error::Mismatch),
    }
}

/// The text whose hash is signed: what AWS shows with a mismatch, so that a signer finds where
/// its own differs. Holds the request's headers, the secret never.
///
/// # Errors
/// [`SigV4Error::NotSigned`], [`SigV4Error::Malformed`].
pub fn canonical_request(request: &SignedRequest<'_>) -> Result<String, SigV4Error> {
    let authorization = Authorization::read(request.headers)?.ok_or(SigV4Error::NotSigned)?;
    Ok(canonical::request(request, &authorization))
}

/// The signature in small hex.
fn sign(secret: &Secret, scope: &SigV4Scope, date_time: &str, canonical: &str) -> String {
    let SigV4Scope { date, region, service, .. } = scope;
    let text = format!(
        "AWS4-HMAC-SHA256\n{date_time}\n{date}/{region}/{service}/aws4_request\n{}",
        hex(&Sha256::digest(canonical.as_bytes()))
    );
    let parts = [date.as_str(), region, service, "aws4_request", &text];
    let start = format!("AWS4{}", secret.expose()).into_bytes();
    hex(&parts.iter().fold(start, |key, part| hmac(&key, part.as_bytes())))
}

/// HMAC-SHA-256 (RFC 2104): a key longer than a block is hashed, so every key will do.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    hmac.update(message);
    hmac.finalize().into_bytes().to_vec()
}

fn check_time(date_time: &str, scope: &SigV4Scope, now: Timestamp) -> Result<(), SigV4Error> {
    const FORM: SigV4Error = SigV4Error::Malformed("x-amz-date is YYYYMMDD'T'HHMMSS'Z'");
    let at = timestamp(date_time).ok_or(FORM)?;
    if !date_time.starts_with(&scope.date) {
        return Err(SigV4Error::Malformed("the credential's date is not that of x-amz-date"));
    }
    if now.since(at) > SKEW_MAX || at.since(now) > SKEW_MAX {
        return Err(SigV4Error::Skewed);
    }
    Ok(())
}

/// ISO 8601's basic form, the only one in SigV4.
fn timestamp(text: &str) -> Option<Timestamp> {
    let digits = |byte: (usize, u8)| match byte.0 {
        8 => byte.1 == b'T',
        15 => byte.1 == b'Z',
        _ => byte.1.is_ascii_digit(),
    };
    if text.len() != 16 || !text.bytes().enumerate().all(digits) {
        return None;
    }
    let (date, time) = (&text[..8], &text[9..15]);
    Timestamp::parse(&format!(
        "{}-{}-{}T{}:{}:{}Z",
        &date[..4],
        &date[4..6],
        &date[6..],
        &time[..2],
        &time[2..4],
        &time[4..]
    ))
}

fn check_headers(headers: &HeaderMap, signed: &Authorization) -> Result<(), SigV4Error> {
    let has = |name: &str| signed.headers.iter().any(|signed| signed == name);
    let amazon = headers.keys().map(|name| name.as_str()).filter(|it| it.starts_with("x-amz-"));
    let all_there = signed.headers.iter().all(|name| headers.contains_key(name.as_str()));
    if has("host") && all_there && amazon.into_iter().all(has) {
        return Ok(());
    }
    Err(SigV4Error::HeaderNotSigned)
}

fn one<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| DIGITS[usize::from(nibble)] as char;
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests;
