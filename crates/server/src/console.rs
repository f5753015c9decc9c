//! The console, embedded: files that the web build made, found by path.

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http::{HeaderValue, Method, header};

/// A file of the console.
struct Asset {
    path: &'static str,
    media_type: &'static str,
    bytes: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/console_assets.rs"));

/// The console needs no other origin, and is in nobody's frame.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; img-src 'self' data: blob:; frame-ancestors 'none'; base-uri 'none'",
);
/// File names in `assets/` change with their content.
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ASK_AGAIN: HeaderValue = HeaderValue::from_static("no-cache");

/// The answer to a request for the console; none for any other.
pub fn answer(request: &Request) -> Option<Response> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return None;
    }
    let path = match request.uri().path() {
        "/" => "index.html",
        path => path.strip_prefix('/')?,
    };
    let asset = ASSETS.iter().find(|asset| asset.path == path)?;
    let mut response = Response::new(Body::from(asset.bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    let keep = if path.starts_with("assets/") { FOREVER } else { ASK_AGAIN };
    headers.insert(header::CACHE_CONTROL, keep);
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Some(response)
}
