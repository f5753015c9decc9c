//! Where a click came from: the host of the `Referer` header (F13), and nothing else of it.
//!
//! Path and query stay out, since they can hold personal data and have no bound on their number.

use std::borrow::Cow;

/// Shown when there was no referrer: typed, from a bookmark, an app, or withheld.
pub const DIRECT: &str = "direct";

/// Shown when the referrer has no usable host.
pub const OTHER: &str = "other";

/// Longest host name, in bytes (RFC 1035).
pub const MAX_HOST_LEN: usize = 253;

/// The host of a `Referer` header: lower case, without `www.` and port; for `android-app://` the
/// name of the app. [`DIRECT`] when absent or empty, [`OTHER`] when there is no host in it.
///
/// Parsed by hand because it is on the way of every click: browsers send it serialised, in ASCII
/// and Punycode, so that what this does not understand was made up.
#[must_use]
pub fn host(header: Option<&str>) -> Cow<'_, str> {
    let Some(text) = header.map(str::trim).filter(|text| !text.is_empty()) else {
        return Cow::Borrowed(DIRECT);
    };
    let Some((scheme, rest)) = text.split_once("://") else { return Cow::Borrowed(OTHER) };
    if !["https", "http", "android-app"].iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
        return Cow::Borrowed(OTHER);
    }
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = without_port(host);
    let host = host.strip_suffix('.').unwrap_or(host);
    let host = host.strip_prefix("www.").unwrap_or(host);
    if host.is_empty() || host.len() > MAX_HOST_LEN || !host.bytes().all(is_host_byte) {
        return Cow::Borrowed(OTHER);
    }
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(host.to_ascii_lowercase());
    }
    Cow::Borrowed(host)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// Letters, digits, dots, dashes, the underscore of app names, and IPv6 in brackets.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hosts_of_usual_referrers() {
        for (header, expected) in [
            ("https://www.google.com/", "google.com"),
            ("https://news.example.org:8443/a?b=c#d", "news.example.org"),
            ("http://EXAMPLE.com", "example.com"),
            ("http://user:pw@example.com/", "example.com"),
            ("http://example.com./", "example.com"),
            ("android-app://com.google.android.gm/", "com.google.android.gm"),
            ("http://[2001:db8::1]:80/", "[2001:db8::1]"),
            ("https://xn--bcher-kva.de/", "xn--bcher-kva.de"),
            ("https://example.com?q", "example.com"),
        ] {
            assert_eq!(host(Some(header)), expected, "{header}");
        }
    }

    #[test]
    fn absent_is_direct_and_nonsense_is_other() {
        for header in [None, Some(""), Some("  ")] {
            assert_eq!(host(header), DIRECT);
        }
        for header in ["about:blank", "example.com", "https://", "ftp://a.b/", "http://a b/", "-"] {
            assert_eq!(host(Some(header)), OTHER, "{header}");
        }
        assert_eq!(host(Some("https://<script>/")), OTHER);
        assert_eq!(host(Some(&format!("https://{}/", "a".repeat(254)))), OTHER);
    }

    proptest! {
        #[test]
        fn what_comes_out_is_bounded_ascii(header in ".{0,100}") {
            for header in [header.clone(), format!("https://{header}")] {
                let host = host(Some(&header));
                prop_assert!(!host.is_empty() && host.len() <= MAX_HOST_LEN);
                prop_assert!(host.bytes().all(is_host_byte));
            }
        }
    }
}
