//! The one form of a request that both sides hash, whatever a proxy or library did to it.

use super::SignedRequest;
use super::scope::Authorization;

/// The canonical request: method, path, query, headers, names of headers, hash of the body.
pub(super) fn request(request: &SignedRequest<'_>, signed: &Authorization) -> String {
    let path = match signed.scope.service.as_str() {
        // S3's keys may hold `//` and `..`, so its paths are taken as they are.
        "s3" => encode(&percent_decode(request.path), b"/"),
        _ => encode(normal_path(request.path).as_bytes(), b"/"),
    };
    let headers: String = signed.headers.iter().map(|name| header(request, name)).collect();
    format!(
        "{}\n{path}\n{}\n{headers}\n{}\n{}",
        request.method,
        query(request.query),
        signed.headers.join(";"),
        request.payload_hash
    )
}

/// Decodes `%41` and leaves what is no such triple as it is.
pub(super) fn percent_decode(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let triple = match (byte, after) {
            (b'%', [high, low, after @ ..]) => hex_byte(*high, *low).map(|byte| (byte, after)),
            _ => None,
        };
        let (byte, after) = triple.unwrap_or((*byte, after));
        decoded.push(byte);
        rest = after;
    }
    decoded
}

/// RFC 3986, 5.2.4, and no empty segments: `//a/./b/..` is `/a/`.
fn normal_path(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    let is_directory = ["/", "/.", "/.."].iter().any(|end| path.ends_with(end));
    let closing = if is_directory && !segments.is_empty() { "/" } else { "" };
    format!("/{}{closing}", segments.join("/"))
}

fn query(query: &str) -> String {
    let canonical = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (encode(&percent_decode(name), b""), encode(&percent_decode(value), b""))
    };
    let mut pairs: Vec<_> = query.split('&').filter(|it| !it.is_empty()).map(canonical).collect();
    pairs.sort();
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// `name:value\n`: values of one name in their order with commas, runs of spaces as one.
fn header(request: &SignedRequest<'_>, name: &str) -> String {
    let tidy = |value: &http::HeaderValue| {
        let text = String::from_utf8_lossy(value.as_bytes()).into_owned();
        text.split([' ', '\t']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
    };
    let values: Vec<_> = request.headers.get_all(name).iter().map(tidy).collect();
    format!("{name}:{}\n", values.join(","))
}

/// Percent-encodes all but RFC 3986's unreserved characters and those in `also`.
fn encode(bytes: &[u8], also: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || also.contains(byte) {
            text.push(*byte as char);
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

fn hex_byte(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_to_one_form() {
        for (path, normal) in [
            ("", "/"),
            ("/", "/"),
            ("//", "/"),
            ("/./", "/"),
            ("/example/..", "/"),
            ("/example1/example2/../..", "/"),
            ("/./example", "/example"),
            ("//example//", "/example/"),
            ("/a/b/..", "/a/"),
            ("/../../a", "/a"),
        ] {
            assert_eq!(normal_path(path), normal, "{path}");
        }
    }

    #[test]
    fn queries_come_to_one_form() {
        for (sent, canonical) in [
            ("", ""),
            ("b&a=1", "a=1&b="),
            ("a=10&a=9", "a=10&a=9"),
            ("x=a.b&x=a%2fb", "x=a%2Fb&x=a.b"),
            ("q=a+b&&r=100%", "q=a%2Bb&r=100%25"),
            ("a=1=2", "a=1%3D2"),
        ] {
            assert_eq!(query(sent), canonical, "{sent}");
        }
    }
}
