//! The long URL behind a link (F7): checked, kept as given, and normalised for comparison (M12).
//!
//! Parsed by the rules browsers use (the WHATWG URL standard, by the `url` crate), then held
//! against a [`TargetPolicy`]. Decisions where the requirement leaves one:
//! - spaces, tabs and line ends *around* the URL are what a paste brings along and are cut off;
//!   any white space or control character *inside* is refused, though a browser would drop some;
//! - a user name and password are allowed and reported ([`Target::has_credentials`]): they are
//!   how some intranets are linked, and also how a phishing link hides its host;
//! - fragments are kept and count for comparison: `/a#b` and `/a#c` are two places;
//! - host names are compared in Punycode, lower case.
//!
//! Not told here: a public name that resolves to a private address. Nothing is resolved.

pub mod host_set;
mod private;

use std::fmt;

use sha2::{Digest, Sha256};
use url::{Host, Url};

pub use host_set::HostSet;

/// Longest long URL accepted unless configured otherwise, in bytes.
pub const DEFAULT_MAX_BYTES: usize = 2048;

/// What a long URL must be like in a deployment.
#[derive(Debug, Clone)]
pub struct TargetPolicy {
    /// The longest URL accepted, in bytes, after cutting off white space around it.
    pub max_bytes: usize,
    /// Hosts of the service itself. Exactly these are refused, since they would loop.
    pub own_hosts: HostSet,
    /// Hosts that are refused together with everything below them.
    pub blocked_hosts: HostSet,
    /// Whether addresses and names of private networks may be linked (an internal shortener).
    pub allow_private_networks: bool,
}

impl Default for TargetPolicy {
    fn default() -> Self {
        Self {
            max_bytes: DEFAULT_MAX_BYTES,
            own_hosts: HostSet::default(),
            blocked_hosts: HostSet::default(),
            allow_private_networks: false,
        }
    }
}

/// An accepted long URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What `Location` carries: the URL as given, byte for byte, white space around it cut off.
    ///
    /// Visible ASCII only, so it can neither end a header nor be misread in one. Where that does
    /// not hold of the URL as given (other characters, a backslash, a scheme without `//`, which
    /// a browser would take as relative), it is [`Target::normalised`] instead.
    pub original: String,
    /// The standard's serialisation, equal for two spellings of one URL. The key of the reverse
    /// index is made from it.
    pub normalised: String,
    /// The first 16 bytes of the SHA-256 of [`Target::normalised`].
    pub digest: [u8; 16],
    /// The host: lower case, Punycode, IPv6 in brackets.
    pub host: String,
    /// Whether the URL carries a user name or password.
    pub has_credentials: bool,
}

/// Why a long URL was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetRefusal {
    /// Nothing but white space.
    #[error("the long URL is empty: give one that starts with http:// or https://")]
    Empty,
    /// More bytes than the policy allows.
    #[error("the long URL has {bytes} bytes, the most allowed is {limit}: shorten its query")]
    TooLong {
        /// What it has.
        bytes: usize,
        /// What it may have.
        limit: usize,
    },
    /// White space or a control character inside.
    #[error("the long URL has {0} inside: percent-encode or remove it")]
    ForbiddenCharacter(CharacterName),
    /// Not a URL by the WHATWG standard.
    #[error("the long URL is malformed ({0}): give a full one, as in https://example.com/page")]
    Malformed(url::ParseError),
    /// A scheme other than `http` and `https`: `javascript`, `data`, `file`, ...
    #[error("the scheme {0:?} cannot be linked: use http or https")]
    Scheme(String),
    /// A host of the service itself.
    #[error("{0} is this service itself and would redirect in a circle: give the final address")]
    SelfLoop(String),
    /// An address or name that only a private network knows.
    #[error("{0} is in a private network: give a public address")]
    PrivateNetwork(String),
    /// A host on the block list, or below one.
    #[error("{0} is blocked here: ask the operator when you think that is wrong")]
    Blocked(String),
}

/// A character that cannot be shown as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CharacterName(pub char);

impl fmt::Display for CharacterName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ' ' => out.write_str("a space"),
            '\r' | '\n' => out.write_str("a line break"),
            '\t' => out.write_str("a tab"),
            other => write!(out, "the character U+{:04X}", u32::from(other)),
        }
    }
}

impl Target {
    /// Checks `text` against the standard and `policy`.
    ///
    /// # Errors
    /// A [`TargetRefusal`], whose message is for the person who gave the URL.
    pub fn parse(text: &str, policy: &TargetPolicy) -> Result<Self, TargetRefusal> {
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        check_text(text, policy.max_bytes)?;
        let url = Url::parse(text).map_err(TargetRefusal::Malformed)?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(TargetRefusal::Scheme(url.scheme().to_owned()));
        }
        let host = check_host(&url, policy)?;
        let normalised = String::from(url.as_str());
        // Percent-encoding can lengthen what is not ASCII; the bound is on what is stored.
        check_length(&normalised, policy.max_bytes.saturating_mul(3))?;
        let original = if reads_alike_everywhere(text) { text } else { &normalised };
        Ok(Self {
            original: original.to_owned(),
            digest: digest(&normalised),
            host,
            has_credentials: !url.username().is_empty() || url.password().is_some(),
            normalised,
        })
    }
}

/// Whether the link `text`, accepted before, is to a host that `policy` refuses by now.
///
/// For the check at redirect time: block lists grow after a link is made.
///
/// # Errors
/// As [`Target::parse`].
pub fn recheck(text: &str, policy: &TargetPolicy) -> Result<(), TargetRefusal> {
    let url = Url::parse(text).map_err(TargetRefusal::Malformed)?;
    check_host(&url, policy).map(|_host| ())
}

/// The [`Target::digest`] of the link `text`, accepted before.
///
/// # Errors
/// [`TargetRefusal::Malformed`], which no accepted link gives.
pub fn digest_of(text: &str) -> Result<[u8; 16], TargetRefusal> {
    Url::parse(text).map(|url| digest(url.as_str())).map_err(TargetRefusal::Malformed)
}

fn digest(normalised: &str) -> [u8; 16] {
    let hash: [u8; 32] = Sha256::digest(normalised.as_bytes()).into();
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash[..16]);
    digest
}

fn check_text(text: &str, max_bytes: usize) -> Result<(), TargetRefusal> {
    if text.is_empty() {
        return Err(TargetRefusal::Empty);
    }
    check_length(text, max_bytes)?;
    let forbidden = |c: &char| c.is_control() || c.is_whitespace();
    match text.chars().find(forbidden) {
        Some(character) => Err(TargetRefusal::ForbiddenCharacter(CharacterName(character))),
        None => Ok(()),
    }
}

fn check_length(text: &str, limit: usize) -> Result<(), TargetRefusal> {
    if text.len() > limit {
        return Err(TargetRefusal::TooLong { bytes: text.len(), limit });
    }
    Ok(())
}

fn check_host(url: &Url, policy: &TargetPolicy) -> Result<String, TargetRefusal> {
    // An http URL without a host does not parse; the error is for a change of that rule.
    let host = url.host().ok_or(TargetRefusal::Malformed(url::ParseError::EmptyHost))?;
    let shown = host.to_string();
    // "example.com." is the same host, spelt with its root; some resolvers take more dots alike.
    let name = shown.trim_end_matches('.');
    if policy.own_hosts.contains(name) {
        return Err(TargetRefusal::SelfLoop(shown));
    }
    if policy.blocked_hosts.covers(name) {
        return Err(TargetRefusal::Blocked(shown));
    }
    let is_private = match host {
        Host::Domain(_) => private::is_private_name(name),
        Host::Ipv4(address) => private::is_private_v4(address),
        Host::Ipv6(address) => private::is_private_v6(address),
    };
    if is_private && !policy.allow_private_networks {
        return Err(TargetRefusal::PrivateNetwork(shown));
    }
    Ok(shown)
}

/// Whether every client reads `text` as the absolute URL that was checked.
///
/// Two spellings are traps. Without `//`, `https:evil` in a `Location` is relative to the short
/// domain. And with a backslash, `http://good\@evil` is on `good` for a browser but on `evil` for
/// a client that goes by RFC 3986.
fn reads_alike_everywhere(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let plain = rest.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    plain
        && !rest.starts_with('/')
        && (scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"))
}

#[cfg(test)]
mod tests;
