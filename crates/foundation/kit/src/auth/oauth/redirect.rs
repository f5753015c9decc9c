//! Where a browser may be sent back to: the URIs that a client registered, and no other.

use url::{Host, Url};

/// Bytes of a redirect URI.
const LENGTH_MAX: usize = 500;

/// Whether a client may register `uri`: `https`, `http` to this machine itself (RFC 8252, 7.3),
/// or a scheme of the app's own that is a name backwards (RFC 8252, 7.1).
///
/// # Errors
/// What is wrong with it.
pub(super) fn check(uri: &str) -> Result<(), &'static str> {
    if uri.len() > LENGTH_MAX || !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("a redirect URI has at most 500 characters, none of them a space");
    }
    let url = Url::parse(uri).map_err(|_| "a redirect URI is absolute, with its scheme")?;
    if uri.contains('#') || !url.username().is_empty() || url.password().is_some() {
        return Err("a redirect URI has neither a fragment nor a user");
    }
    let is_here = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_here => Ok(()),
        "http" => Err("http is for redirects to this machine; use https"),
        scheme if scheme.contains('.') => Ok(()),
        _ => Err("a scheme of your own is a name backwards, such as com.example.app"),
    }
}

/// Whether a browser may be sent to `given`: character by character what was registered, save
/// for the port of a loopback address, which an app learns only when it listens (RFC 8252, 7.3).
pub(super) fn matches(registered: &str, given: &str) -> bool {
    registered == given
        || without_port(registered).is_some_and(|kept| without_port(given) == Some(kept))
}

/// A loopback address and what follows its port. None for every other URI.
fn without_port(uri: &str) -> Option<(&'static str, &str)> {
    let literals = ["http://127.0.0.1", "http://[::1]"];
    let (host, rest) =
        literals.into_iter().find_map(|host| Some((host, uri.strip_prefix(host)?)))?;
    let rest = match rest.strip_prefix(':') {
        Some(port) => port.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    (rest.is_empty() || rest.starts_with('/')).then_some((host, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_registered() {
        for good in [
            "https://app.example/callback?of=us",
            "http://127.0.0.1:8400/callback",
            "http://[::1]/callback",
            "http://localhost:3000/",
            "com.example.app:/callback",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "/callback",
            "app.example/callback",
            "http://app.example/callback",
            "http://127.0.0.1.example/callback",
            "https://app.example/callback#part",
            "https://app.example/callback#",
            "https://user@app.example/",
            "https://app.example/a b",
            "javascript:alert(1)",
            "data:text/html,x",
            "myapp:/callback",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(check(&format!("https://app.example/{}", "x".repeat(500))).is_err());
    }

    #[test]
    fn a_match_is_exact_but_for_a_loopback_port() {
        let registered = "https://app.example/callback";
        assert!(matches(registered, registered));
        for other in [
            "https://app.example/callback/",
            "https://app.example/callback?x=1",
            "https://app.example:443/callback",
            "https://APP.example/callback",
            "https://app.example/callback/../callback",
            "https://app.example.evil.example/callback",
            "http://app.example/callback",
        ] {
            assert!(!matches(registered, other), "{other}");
        }
        let here = "http://127.0.0.1/callback";
        assert!(matches(here, "http://127.0.0.1:49152/callback"));
        assert!(matches("http://[::1]:1/callback", "http://[::1]:2/callback"));
        for other in [
            "http://127.0.0.1:49152/other",
            "http://127.0.0.1:80@evil.example/callback",
            "http://127.0.0.1.evil.example/callback",
            "http://[::1]:49152/callback",
            "https://127.0.0.1:49152/callback",
        ] {
            assert!(!matches(here, other), "{other}");
        }
    }
}
