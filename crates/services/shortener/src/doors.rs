//! What the doors that speak as other shorteners have in common: names, times, credentials.

use axum::extract::OriginalUri;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, header};
use kit::clock::Timestamp;
use kit::door::host_of;
use kit::http::Peer;

use crate::exchange::format_time;
use crate::http::Asking;
use crate::model::ShortAddress;

/// To the second, in UTC, with the offset written as `zone` has it (`+0000`, `+00:00`, nothing).
pub(crate) fn at_second(at: Timestamp, zone: &str) -> String {
    let whole = format_time(at.micros().div_euclid(1_000_000) * 1_000_000);
    format!("{}{zone}", whole.trim_end_matches('Z'))
}

/// `https://host/code` as `host/code`.
pub(crate) fn without_scheme(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_scheme, rest)| rest)
}

/// The address that a short URL names, with or without its scheme; what follows the code after a
/// slash is the second part.
///
/// A host that is no branded domain stands for the service's own, as it does for visitors: clients
/// of a public service put that service's host there.
pub(crate) fn address_in<'t>(asking: &Asking, text: &'t str) -> Option<(ShortAddress, &'t str)> {
    let text = without_scheme(text);
    let own = text.strip_prefix(without_scheme(&asking.base));
    let (domain, path) = match own.and_then(|path| path.strip_prefix('/')) {
        Some(path) => (String::new(), path),
        None => {
            let (host, path) = text.split_once('/')?;
            (asking.shortener.domain_of(host), path)
        }
    };
    let (code, rest) = path.split_once('/').unwrap_or((path, ""));
    let code = code.split(['?', '#']).next().unwrap_or_default();
    (!code.is_empty()).then(|| (ShortAddress { domain, code: code.to_owned() }, rest))
}

/// Makes `token` the request's credential. False when no header can carry it.
pub(crate) fn set_bearer(headers: &mut HeaderMap, token: &str) -> bool {
    let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {token}")) else { return false };
    value.set_sensitive(true);
    headers.insert(header::AUTHORIZATION, value);
    true
}

/// Where the caller found this API: not always where short URLs are.
pub(crate) fn api_base(parts: &Parts) -> String {
    let tls = parts.extensions.get::<Peer>().is_some_and(|peer| peer.tls);
    let scheme = if tls { "https" } else { "http" };
    let whole = parts.extensions.get::<OriginalUri>().map_or(parts.uri.path(), |uri| uri.path());
    let mounted_at = whole.strip_suffix(parts.uri.path()).unwrap_or_default();
    format!("{scheme}://{}{mounted_at}", host_of(&parts.headers, &parts.uri))
}
