//! The address of a server under load: HTTP on loopback, nothing else.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use url::{Host, Url};

use crate::error::BenchError;

/// A server under load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Where connections go.
    pub(crate) address: SocketAddr,
    /// The value of the `Host` header.
    pub(crate) authority: String,
    /// What stands before every path; empty, or starts with `/` and does not end with it.
    pub(crate) base_path: String,
}

impl Target {
    /// Reads `http://127.0.0.1:8080` and the like.
    ///
    /// # Errors
    /// Anything but `http`, and any host but a loopback address or `localhost`: load is generated
    /// on the machine it hurts, and nowhere else.
    pub(crate) fn parse(text: &str) -> Result<Self, BenchError> {
        let refuse = |reason| BenchError::Target { url: text.to_owned(), reason };
        let url = Url::parse(text)
            .map_err(|_| refuse("not a URL; give one like http://127.0.0.1:8080"))?;
        if url.scheme() != "http" {
            return Err(refuse("only http:// is spoken; give the plain HTTP front door"));
        }
        let not_loopback =
            "not a loopback address; load is only sent to this machine (127.0.0.1, [::1])";
        let address = match url.host() {
            Some(Host::Ipv4(address)) if address.is_loopback() => IpAddr::V4(address),
            Some(Host::Ipv6(address)) if address.is_loopback() => IpAddr::V6(address),
            Some(Host::Domain("localhost")) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            _ => return Err(refuse(not_loopback)),
        };
        let host = url.host_str().unwrap_or_default();
        let port = url.port().unwrap_or(80);
        Ok(Self {
            address: SocketAddr::new(address, port),
            authority: format!("{host}:{port}"),
            base_path: url.path().trim_end_matches('/').to_owned(),
        })
    }

    /// The target on a loopback port.
    pub(crate) fn on_port(port: u16) -> Self {
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        Self { address, authority: address.to_string(), base_path: String::new() }
    }

    /// The bytes of a `GET` of `path` (which starts with `/`), with a bearer token if there is one.
    pub(crate) fn get(&self, path: &str, token: Option<&str>) -> Vec<u8> {
        let authorization = authorization(token);
        let Self { base_path, authority, .. } = self;
        format!("GET {base_path}{path} HTTP/1.1\r\nHost: {authority}\r\n{authorization}\r\n")
            .into_bytes()
    }

    /// Appends a `POST` of a JSON body to `request`, which a caller reuses between requests.
    pub(crate) fn post_json(&self, call: &Call<'_>, request: &mut Vec<u8>) {
        let Self { base_path, authority, .. } = self;
        let Call { path, token, body } = call;
        let head = format!(
            "POST {base_path}{path} HTTP/1.1\r\nHost: {authority}\r\n{}\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            authorization(*token),
            body.len()
        );
        request.extend_from_slice(head.as_bytes());
        request.extend_from_slice(body.as_bytes());
    }
}

/// One `POST`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call<'a> {
    /// Below the target's base path; starts with `/`.
    pub(crate) path: &'a str,
    /// Sent as a bearer token.
    pub(crate) token: Option<&'a str>,
    /// JSON text.
    pub(crate) body: &'a str,
}

fn authorization(token: Option<&str>) -> String {
    token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_loopback_addresses() {
        let target = Target::parse("http://127.0.0.1:8080").expect("valid");
        assert_eq!(target, Target::on_port(8080));
        let target = Target::parse("http://localhost:81/a/").expect("valid");
        assert_eq!(target.address.to_string(), "127.0.0.1:81");
        assert_eq!((target.authority.as_str(), target.base_path.as_str()), ("localhost:81", "/a"));
        let target = Target::parse("http://[::1]").expect("valid");
        assert_eq!(target.address.to_string(), "[::1]:80");
    }

    #[test]
    fn refuses_everything_else_by_name() {
        for (url, word) in [
            ("http://10.0.0.1:80", "not a loopback address"),
            ("http://example.com", "not a loopback address"),
            ("http://localhost.example.com", "not a loopback address"),
            ("https://127.0.0.1", "only http://"),
            ("127.0.0.1:80", "not a URL"),
        ] {
            let error = Target::parse(url).expect_err(url).to_string();
            assert!(error.starts_with(url) && error.contains(word), "{error}");
        }
    }

    #[test]
    fn writes_requests() {
        let target = Target::on_port(80);
        assert_eq!(
            target.get("/x", Some("t")),
            b"GET /x HTTP/1.1\r\nHost: 127.0.0.1:80\r\nAuthorization: Bearer t\r\n\r\n"
        );
        let mut request = Vec::new();
        target.post_json(&Call { path: "/y", token: None, body: "{}" }, &mut request);
        assert_eq!(
            request,
            b"POST /y HTTP/1.1\r\nHost: 127.0.0.1:80\r\nContent-Type: application/json\r\n\
              Content-Length: 2\r\n\r\n{}"
        );
    }
}
