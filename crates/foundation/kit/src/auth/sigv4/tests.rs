use http::HeaderValue;
use proptest::prelude::*;

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const SCOPE: &str = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request";

struct Vector {
    method: Method,
    path: String,
    query: String,
    headers: HeaderMap,
    payload_hash: String,
}

impl Vector {
    /// One line of the data file.
    fn read(line: &str) -> Self {
        let fields: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, method, target, headers, body, signed, signature] = fields[..] else {
            panic!("seven fields: {line}")
        };
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        // Host comes first by the alphabet, but for content-type.
        let signed = match signed.strip_prefix("content-type;") {
            Some(rest) => format!("content-type;host;{rest}"),
            None => format!("host;{signed}"),
        };
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={SCOPE}, SignedHeaders={signed}, Signature={signature}"
        );
        let mut map = HeaderMap::new();
        let fixed = [
            ("host", "example.amazonaws.com"),
            ("x-amz-date", "20150830T123600Z"),
            ("authorization", &authorization),
        ];
        let sent = headers.split('^').filter_map(|header| header.split_once(':'));
        for (name, value) in sent.chain(fixed) {
            let name = name.to_ascii_lowercase().parse::<http::HeaderName>().unwrap();
            map.append(name, HeaderValue::from_str(value).unwrap());
        }
        Self {
            method: method.parse().unwrap(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers: map,
            payload_hash: hex(&Sha256::digest(body.as_bytes())),
        }
    }

    fn verify(&self, secret: &str, now: Timestamp) -> Result<(), SigV4Error> {
        let request = SignedRequest {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &self.headers,
            payload_hash: &self.payload_hash,
        };
        verify(&Secret::new(secret), &request, now)
    }
}

fn vectors() -> impl Iterator<Item = &'static str> {
    include_str!("vectors.txt").lines().filter(|line| !line.starts_with('#'))
}

fn signing_time() -> Timestamp {
    Timestamp::parse("2015-08-30T12:36:00Z").unwrap()
}

#[test]
fn the_published_vectors_verify() {
    for line in vectors() {
        let vector = Vector::read(line);
        assert_eq!(vector.verify(SECRET, signing_time()), Ok(()), "{line}");
        assert_eq!(vector.verify("another", signing_time()), Err(SigV4Error::Mismatch));
    }
    assert_eq!(vectors().count(), 26);
}

#[test]
fn whatever_is_changed_is_noticed() {
    let fresh = || Vector::read(vectors().last().unwrap());
    let check = |change: fn(&mut Vector)| {
        let mut vector = fresh();
        change(&mut vector);
        vector.verify(SECRET, signing_time())
    };
    assert_eq!(check(|it| it.method = Method::PUT), Err(SigV4Error::Mismatch));
    assert_eq!(check(|it| it.path.push('x')), Err(SigV4Error::Mismatch));
    assert_eq!(check(|it| it.query.push('x')), Err(SigV4Error::Mismatch));
    assert_eq!(check(|it| it.payload_hash = hex(&[0; 32])), Err(SigV4Error::Mismatch));
    let host = |it: &mut Vector| {
        it.headers.insert("host", HeaderValue::from_static("elsewhere"));
    };
    assert_eq!(check(host), Err(SigV4Error::Mismatch));
    let unsigned = |it: &mut Vector| {
        it.headers.insert("x-amz-target", HeaderValue::from_static("DeleteEverything"));
    };
    assert_eq!(check(unsigned), Err(SigV4Error::HeaderNotSigned));
    let undated = |it: &mut Vector| drop(it.headers.remove("x-amz-date"));
    assert_eq!(check(undated), Err(SigV4Error::HeaderNotSigned));
    let other_body = |it: &mut Vector| {
        let signed = it.headers["authorization"].to_str().unwrap();
        let signed = signed.replace(";host", ";host;x-amz-content-sha256");
        it.headers.insert("authorization", HeaderValue::from_str(&signed).unwrap());
        it.headers.insert("x-amz-content-sha256", HeaderValue::from_static("e3b0"));
    };
    assert_eq!(check(other_body), Err(SigV4Error::PayloadMismatch));
}

#[test]
fn a_signature_is_good_for_fifteen_minutes() {
    let vector = Vector::read(vectors().next().unwrap());
    let minutes = |count: u64| Duration::from_secs(count * 60);
    assert_eq!(vector.verify(SECRET, signing_time().plus(minutes(15))), Ok(()));
    assert_eq!(vector.verify(SECRET, signing_time().minus(minutes(15))), Ok(()));
    for away in [signing_time().plus(minutes(16)), signing_time().minus(minutes(16))] {
        assert_eq!(vector.verify(SECRET, away), Err(SigV4Error::Skewed));
    }
}

#[test]
fn signed_requests_are_recognised_by_header_and_by_query() {
    let scope = SigV4Scope {
        access_key: "AKIDEXAMPLE".to_owned(),
        date: "20150830".to_owned(),
        region: "us-east-1".to_owned(),
        service: "service".to_owned(),
    };
    let signed = Vector::read(vectors().next().unwrap()).headers;
    assert_eq!(recognise(&signed, None), Ok(Some(scope.clone())));
    let none = HeaderMap::new();
    let query = format!("a=1&X-Amz-Credential={}&X-Amz-Date=x", SCOPE.replace('/', "%2F"));
    assert_eq!(recognise(&none, Some(&query)), Ok(Some(scope)));
    assert_eq!(recognise(&none, Some("a=1")), Ok(None));
    let mut bearer = HeaderMap::new();
    bearer.insert("authorization", HeaderValue::from_static("Bearer AWS4-HMAC-SHA256"));
    assert_eq!(recognise(&bearer, None), Ok(None));
    let unsigned = SignedRequest {
        method: &Method::GET,
        path: "/",
        query: "",
        headers: &bearer,
        payload_hash: "",
    };
    assert_eq!(canonical_request(&unsigned), Err(SigV4Error::NotSigned));
    let broken = recognise(&none, Some("X-Amz-Credential=nobody"));
    assert!(matches!(broken, Err(SigV4Error::Malformed(_))));
}

proptest! {
    #[test]
    fn malformed_signatures_are_refused(
        text in "(Credential|SignedHeaders|Signature|=|,|/|;|a|%|20150830|aws4_request| ){0,12}",
        date in "[0-9TZ\\PC]{0,18}", path in "\\PC{0,20}", query in "\\PC{0,20}",
    ) {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("h"));
        for (name, value) in [("authorization", format!("AWS4-HMAC-SHA256 {text}")),
            ("x-amz-date", date)] {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(name, value);
            }
        }
        let _ = recognise(&headers, Some(&format!("X-Amz-Credential={text}")));
        let method = Method::GET;
        let request = SignedRequest {
            method: &method, path: &path, query: &query, headers: &headers, payload_hash: "",
        };
        prop_assert!(verify(&Secret::new("s"), &request, signing_time()).is_err());
        canonical::request(&request, &Authorization {
            scope: SigV4Scope { access_key: text.clone(), date: text.clone(), region: text.clone(),
                service: text.clone() },
            headers: vec!["host".to_owned(), "absent".to_owned()],
            signature: text,
        });
    }
}
