//! The front door of visitors: `GET /{code}` on the short domain.
//!
//! [`Public::fast`] answers what the cache knows without leaving the connection's task; everything
//! else goes through [`Public::visit`].

mod page;

use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use kit::clock::Stopwatch;
use kit::door::{Hosts, host_of, host_without_port};
use kit::http::{Peer, Problem};
use kit::system::Rooms;
use kit::telemetry::metrics::{Metrics, RouteRed};

use crate::Shorteners;
use crate::clicks::Visitor;
use crate::code::MAX_ALIAS_LEN;
use crate::country::{Country, KNOWN_HEADERS};
use crate::hot::{self, Hot};
use crate::model::{ShortAddress, ShortenError};
use crate::service::{Errand, Shortener, Visit};

/// Says that a short URL was read from a QR code; the codes made here carry it.
pub const SCAN_QUERY: &str = "qr=1";
/// What a counted redirect says to caches: each visit is to come here.
const COUNTED: HeaderValue = HeaderValue::from_static("max-age=0, no-cache, private");
/// What a permanent redirect says when the deployment lets browsers keep it.
const KEPT: HeaderValue = HeaderValue::from_static("public, max-age=86400");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=UTF-8");
const REFERRERS: HeaderValue = HeaderValue::from_static("no-referrer-when-downgrade");
/// Longest body of the password form.
const FORM_BYTES_MAX: usize = 4_096;

/// The door; cheap to clone.
#[derive(Clone)]
pub struct Public {
    rooms: Rooms<Shorteners>,
    hosts: Arc<Hosts>,
    redirects: RouteRed,
}

impl Public {
    /// Counts its requests under the route `/{code}`.
    pub fn new(rooms: Rooms<Shorteners>, hosts: Arc<Hosts>, metrics: &Metrics) -> Self {
        let redirects = metrics.red("shortener", "redirect").route("/{code}", "GET");
        Self { rooms, hosts, redirects }
    }

    /// Answers from memory, or not at all.
    ///
    /// Cost: two look-ups by name, one by code, one addition to the clicks; it allocates the
    /// answer's header table and nothing else.
    pub fn fast<B>(&self, request: &http::Request<B>, peer: &Peer) -> Option<Response> {
        let began = Stopwatch::start();
        if request.method() != Method::GET {
            return None;
        }
        let code = code_of(request.uri().path())?;
        let host = host_of(request.headers(), request.uri());
        let shortener = self.rooms.opened(&self.hosts.namespace_of(host))?;
        let domain = shortener.domain_of(host);
        let now = shortener.clock.now();
        let hot = match domain.is_empty() {
            true => shortener.visit_cached(code, now)?,
            false => shortener.visit_cached(&hot::key_of(&domain, code), now)?,
        };
        let query = request.uri().query();
        let response = redirect(&shortener, &hot, query)?;
        let visitor = visitor_of(&shortener, request.headers(), query, peer);
        shortener.clicks.count(hot.id, now, &visitor);
        self.redirects.record(hot.status, began.elapsed());
        Some(response)
    }

    /// Answers in its own time: GET and HEAD, and POST of the password form.
    pub async fn visit(&self, request: Request, peer: Peer) -> Response {
        let began = Stopwatch::start();
        let response = match self.answer(request, peer).await {
            Ok(response) => response,
            Err(problem) => problem.into_response(),
        };
        self.redirects.record(response.status().as_u16(), began.elapsed());
        response
    }

    async fn answer(&self, request: Request, peer: Peer) -> Result<Response, Problem> {
        let (parts, body) = request.into_parts();
        let wants_page = wants_page(&parts.headers);
        let host = host_of(&parts.headers, &parts.uri).to_owned();
        let code = code_of(parts.uri.path())
            .ok_or_else(|| Problem::not_found("there is nothing at this address"))?
            .to_owned();
        let shortener = self.rooms.open(&self.hosts.namespace_of(&host)).await?;
        shortener.until_may_answer().await;
        let address = ShortAddress { domain: shortener.domain_of(&host), code };
        let password = match parts.method {
            Method::POST => Some(read_password(body).await?),
            Method::GET | Method::HEAD => None,
            _ => return Err(method_not_allowed()),
        };
        let errand = if parts.method == Method::HEAD { Errand::Ask } else { Errand::Go };
        let hot = match shortener.visit(&address, password.as_deref(), errand).await {
            Ok(Visit::To(hot)) => hot,
            Ok(Visit::AskPassword) => return Ok(page::ask_password(StatusCode::OK, false)),
            Err(ShortenError::PasswordNeeded) => {
                return Ok(page::ask_password(StatusCode::FORBIDDEN, true));
            }
            Err(refusal) if wants_page => return Ok(page::refusal(refusal.into())),
            Err(refusal) => return Err(refusal.into()),
        };
        let query = parts.uri.query();
        if parts.method != Method::HEAD {
            let visitor = visitor_of(&shortener, &parts.headers, query, &peer);
            shortener.clicks.count(hot.id, shortener.clock.now(), &visitor);
        }
        let mut response = redirect(&shortener, &hot, query).ok_or_else(|| {
            Problem::bad_request("the query cannot be added to the target of this link")
        })?;
        if parts.method == Method::POST {
            // The target gets a GET, and never the password.
            *response.status_mut() = StatusCode::SEE_OTHER;
        }
        Ok(response)
    }
}

/// The one segment of `/{code}`, if it can be a code.
fn code_of(path: &str) -> Option<&str> {
    let code = path.strip_prefix('/')?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    ((1..=MAX_ALIAS_LEN).contains(&code.len()) && code.bytes().all(plain)).then_some(code)
}

fn redirect(shortener: &Shortener, hot: &Hot, query: Option<&str>) -> Option<Response> {
    let location = match query.filter(|_| hot.forward_query) {
        Some(query) => with_query(&hot.location, query)?,
        None => hot.location.clone(),
    };
    let may_keep = shortener.settings.cache_permanent_redirects && matches!(hot.status, 301 | 308);
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(hot.status).ok()?;
    let headers = response.headers_mut();
    headers.reserve(4);
    headers.insert(header::LOCATION, location);
    headers.insert(header::CACHE_CONTROL, if may_keep { KEPT } else { COUNTED });
    headers.insert(header::CONTENT_TYPE, HTML);
    headers.insert(header::REFERRER_POLICY, REFERRERS);
    Some(response)
}

/// The visitor's query joins the target's, before a fragment; the mark of a scan stays here.
fn with_query(target: &HeaderValue, query: &str) -> Option<HeaderValue> {
    let kept: Vec<&str> = query.split('&').filter(|pair| *pair != SCAN_QUERY).collect();
    if kept.is_empty() {
        return Some(target.clone());
    }
    let target = target.to_str().ok()?;
    let (front, fragment) = target.split_once('#').map_or((target, None), |(a, b)| (a, Some(b)));
    let joint = if front.contains('?') { '&' } else { '?' };
    let mut whole = format!("{front}{joint}{}", kept.join("&"));
    if let Some(fragment) = fragment {
        whole.push('#');
        whole.push_str(fragment);
    }
    HeaderValue::from_str(&whole).ok()
}

fn visitor_of<'r>(
    shortener: &Shortener,
    headers: &'r HeaderMap,
    query: Option<&str>,
    peer: &Peer,
) -> Visitor<'r> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let trusted = shortener.settings.trust_proxy_headers;
    let address = if trusted { forwarded_for(headers) } else { None };
    let country = match trusted {
        true => KNOWN_HEADERS.iter().find_map(|name| headers.get(*name)?.to_str().ok()),
        false => None,
    };
    Visitor {
        address: address.unwrap_or_else(|| peer.address.ip()),
        referrer: text(header::REFERER),
        agent: text(header::USER_AGENT),
        country: Country::from_header(country),
        scan: query.is_some_and(|query| query.split('&').any(|pair| pair == SCAN_QUERY)),
    }
}

/// The address that the nearest proxy saw: the last one of `X-Forwarded-For`.
pub(crate) fn forwarded_for(headers: &HeaderMap) -> Option<IpAddr> {
    let list = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
    list.rsplit(',').next()?.trim().parse().ok()
}

/// Browsers say that they take HTML; programs are told in a problem document.
fn wants_page(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
}

async fn read_password(body: Body) -> Result<String, Problem> {
    let refused = |_| Problem::too_large(format!("the form has at most {FORM_BYTES_MAX} bytes"));
    let bytes = axum::body::to_bytes(body, FORM_BYTES_MAX).await.map_err(refused)?;
    let fields = url::form_urlencoded::parse(&bytes);
    let mut passwords = fields.filter(|(name, _)| name == "password");
    let password = passwords.next().map(|(_, password)| password.into_owned());
    password.ok_or_else(|| Problem::bad_request("the form has a field named password"))
}

fn method_not_allowed() -> Problem {
    Problem::of_status(StatusCode::METHOD_NOT_ALLOWED)
        .detail("a short link is opened by GET, or POST of its password form")
        .allow(HeaderValue::from_static("GET, HEAD, POST"))
}

impl Shortener {
    /// The branded domain that `host` is, or empty.
    pub(crate) fn domain_of(&self, host: &str) -> String {
        let domains = self.domains.load();
        if domains.is_empty() {
            return String::new();
        }
        let host = host_without_port(host).to_ascii_lowercase();
        if domains.contains(&host) { host } else { String::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_one_plain_segment() {
        assert_eq!(code_of("/zn9edcu"), Some("zn9edcu"));
        assert_eq!(code_of("/my-own_alias"), Some("my-own_alias"));
        for none in ["/", "/a/b", "/a.b", "/%41", "a", "/ä"] {
            assert_eq!(code_of(none), None, "{none}");
        }
    }

    #[test]
    fn queries_are_joined_before_the_fragment() {
        let joined = |target: &'static str, query| {
            let whole = with_query(&HeaderValue::from_static(target), query).unwrap();
            whole.to_str().unwrap().to_owned()
        };
        assert_eq!(joined("https://e.com/", "a=1"), "https://e.com/?a=1");
        assert_eq!(joined("https://e.com/?x=%20", "a=1&qr=1"), "https://e.com/?x=%20&a=1");
        assert_eq!(joined("https://e.com/#top", "a"), "https://e.com/?a#top");
        assert_eq!(joined("https://e.com/#top", "qr=1"), "https://e.com/#top");
    }

    #[test]
    fn the_last_forwarded_address_counts() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static("6.6.6.6, 192.0.2.7"));
        assert_eq!(forwarded_for(&headers), Some("192.0.2.7".parse().unwrap()));
    }
}
