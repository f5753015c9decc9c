//! Short links as the load sees them: made through the API, followed, and counted on this side, so
//! that every redirect's target and every link's clicks can be checked.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

use crate::http::Reply;
use crate::random::{Popularity, Random};
use crate::target::{Call, Target};
use crate::traffic::{Traffic, Verdict, judge_redirect, refused};

/// Where links are made.
const CREATE_PATH: &str = "/shortener/shorturl";
/// Redirects to one create in `--workload mixed`.
pub(crate) const REDIRECTS_A_CREATE: u32 = 100;

/// Long URLs that no other run uses, one for each number.
#[derive(Debug, Clone)]
pub(crate) struct LongUrls {
    prefix: String,
    suffix: String,
}

impl LongUrls {
    /// Short ones, of about 50 bytes; `tag` sets this run apart.
    pub(crate) fn new(tag: &str) -> Self {
        Self { prefix: format!("https://example.com/{tag}/"), suffix: String::new() }
    }

    /// Longer by `padding_bytes`.
    pub(crate) fn padded(tag: &str, padding_bytes: usize) -> Self {
        Self { suffix: format!("?{}", "x".repeat(padding_bytes)), ..Self::new(tag) }
    }

    fn is_of(&self, number: usize, location: &[u8]) -> bool {
        location
            .strip_prefix(self.prefix.as_bytes())
            .and_then(|rest| rest.strip_suffix(self.suffix.as_bytes()))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .is_some_and(|digits| digits.parse() == Ok(number))
    }
}

/// One short link.
#[derive(Debug)]
pub(crate) struct Link {
    /// What is asked for: the path of its short URL.
    pub(crate) path: Box<str>,
    /// Redirects asked for.
    pub(crate) sent: AtomicU32,
    /// Redirects answered rightly, each of which the server must have counted.
    pub(crate) answered: AtomicU32,
}

impl Link {
    /// The last segment of its path.
    pub(crate) fn code(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }
}

/// The links of a run; number n leads to long URL n.
#[derive(Debug)]
pub(crate) struct Links {
    /// Where they lead.
    pub(crate) long_urls: LongUrls,
    /// In the order of their numbers.
    pub(crate) links: Vec<Link>,
}

/// Makes links, each with a long URL of its own.
#[derive(Debug, Clone)]
pub(crate) struct Creates {
    /// Where.
    pub(crate) target: Arc<Target>,
    /// The bearer token, which names the namespace.
    pub(crate) token: String,
    /// Where the links lead.
    pub(crate) long_urls: LongUrls,
    /// Shared by all connections: the next number.
    pub(crate) next: Arc<AtomicUsize>,
    /// Numbers end below this.
    pub(crate) limit: usize,
    /// Where to note the links made; `None` forgets them.
    pub(crate) made: Option<Arc<Made>>,
}

/// Links as they are made: their numbers and paths.
#[derive(Debug, Default)]
pub(crate) struct Made {
    paths: Mutex<Vec<(usize, Box<str>)>>,
}

impl Made {
    /// The paths in the order of their numbers.
    pub(crate) fn take(&self) -> Vec<Box<str>> {
        let mut paths =
            std::mem::take(&mut *self.paths.lock().unwrap_or_else(PoisonError::into_inner));
        paths.sort_unstable_by_key(|(number, _)| *number);
        paths.into_iter().map(|(_, path)| path).collect()
    }
}

#[derive(Deserialize)]
struct Created<'a> {
    #[serde(rename = "shortURL", borrow)]
    short_url: std::borrow::Cow<'a, str>,
}

impl Traffic for Creates {
    fn next(&mut self, request: &mut Vec<u8>) -> Option<usize> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        if number >= self.limit {
            return None;
        }
        let LongUrls { prefix, suffix } = &self.long_urls;
        let body = format!("{{\"longUrl\":\"{prefix}{number}{suffix}\"}}");
        let call = Call { path: CREATE_PATH, token: Some(&self.token), body: &body };
        self.target.post_json(&call, request);
        Some(number)
    }

    fn judge(&mut self, ticket: usize, reply: &Reply<'_>) -> Verdict {
        if reply.status != 201 {
            return refused(reply);
        }
        let path = serde_json::from_slice::<Created<'_>>(reply.body)
            .ok()
            .and_then(|created| path_of(&created.short_url).map(Box::<str>::from));
        let Some(path) = path else {
            let body = String::from_utf8_lossy(reply.body);
            return Verdict::Wrong(format!("201 without a usable shortURL: {body}"));
        };
        if let Some(made) = &self.made {
            made.paths.lock().unwrap_or_else(PoisonError::into_inner).push((ticket, path));
        }
        Verdict::Right
    }
}

/// The path of a short URL, whatever domain it names.
fn path_of(short_url: &str) -> Option<&str> {
    let (_scheme, rest) = short_url.split_once("://")?;
    let path = &rest[rest.find('/')?..];
    let is_code_present = path.len() > 1;
    is_code_present.then_some(path)
}

/// Follows links.
#[derive(Debug, Clone)]
pub(crate) struct Redirects {
    /// Where.
    pub(crate) target: Arc<Target>,
    /// Which.
    pub(crate) links: Arc<Links>,
    /// How often each.
    pub(crate) choice: Choice,
    /// False for a peer that answers a fixed redirect whatever the path.
    pub(crate) checked: bool,
}

/// Which link is next.
#[derive(Debug, Clone)]
pub(crate) enum Choice {
    /// By chance.
    Drawn(Popularity, Random),
    /// Each once, in order, shared by all connections.
    EachOnce(Arc<AtomicUsize>),
}

impl Traffic for Redirects {
    fn next(&mut self, request: &mut Vec<u8>) -> Option<usize> {
        let number = match &mut self.choice {
            Choice::Drawn(popularity, random) => popularity.draw(random),
            Choice::EachOnce(next) => next.fetch_add(1, Ordering::Relaxed),
        };
        let link = self.links.links.get(number)?;
        request.extend_from_slice(b"GET ");
        request.extend_from_slice(link.path.as_bytes());
        request.extend_from_slice(b" HTTP/1.1\r\nHost: ");
        request.extend_from_slice(self.target.authority.as_bytes());
        request.extend_from_slice(b"\r\n\r\n");
        if self.checked {
            link.sent.fetch_add(1, Ordering::Relaxed);
        }
        Some(number)
    }

    fn judge(&mut self, ticket: usize, reply: &Reply<'_>) -> Verdict {
        let verdict = judge_redirect(reply);
        let (true, Verdict::Right, Some(location)) = (self.checked, &verdict, reply.location)
        else {
            return verdict;
        };
        let link = &self.links.links[ticket];
        if !self.links.long_urls.is_of(ticket, location) {
            let found = String::from_utf8_lossy(location);
            return Verdict::Wrong(format!("{} leads to {found}", link.path));
        }
        link.answered.fetch_add(1, Ordering::Relaxed);
        Verdict::Right
    }
}

/// Follows links and makes one now and then.
#[derive(Debug, Clone)]
pub(crate) struct Mixed<C> {
    /// Some of these
    pub(crate) redirects: Redirects,
    /// to one of these.
    pub(crate) creates: C,
    /// How many.
    pub(crate) redirects_a_create: u32,
    /// Requests since the last create; start it differently on each connection.
    pub(crate) since_create: u32,
}

impl<C: Traffic> Traffic for Mixed<C> {
    fn next(&mut self, request: &mut Vec<u8>) -> Option<usize> {
        // The lowest bit of the ticket says which of the two it belongs to.
        if self.since_create >= self.redirects_a_create {
            self.since_create = 0;
            return Some(self.creates.next(request)? << 1 | 1);
        }
        self.since_create += 1;
        Some(self.redirects.next(request)? << 1)
    }

    fn judge(&mut self, ticket: usize, reply: &Reply<'_>) -> Verdict {
        match ticket & 1 {
            1 => self.creates.judge(ticket >> 1, reply),
            _ => self.redirects.judge(ticket >> 1, reply),
        }
    }
}

#[cfg(test)]
#[path = "links_tests.rs"]
mod tests;
