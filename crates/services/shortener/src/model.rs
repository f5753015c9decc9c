//! The nouns: a link, what makes one, what changes one, and every way to be refused.

use kit::clock::Timestamp;
use kit::sql::SqlError;
use thiserror::Error;

use crate::code::NameError;
use crate::ranges::RangeError;
use crate::target::TargetRefusal;

/// Longest title, in characters.
pub const TITLE_CHARS_MAX: usize = 512;
/// Tags a link may have.
pub const TAGS_MAX: usize = 32;
/// Longest tag, in characters.
pub const TAG_CHARS_MAX: usize = 64;

/// How a browser is sent on (M1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirect {
    /// 301: browsers may keep it, so fewer visits reach the service.
    MovedPermanently,
    /// 302: every visit comes here and is counted.
    Found,
    /// 307: as 302, and the method stays.
    Temporary,
    /// 308: as 301, and the method stays.
    Permanent,
}

impl Redirect {
    /// From an HTTP status; none for any other number.
    pub fn from_status(status: u16) -> Option<Self> {
        match status {
            301 => Some(Self::MovedPermanently),
            302 => Some(Self::Found),
            307 => Some(Self::Temporary),
            308 => Some(Self::Permanent),
            _ => None,
        }
    }

    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Self::MovedPermanently => 301,
            Self::Found => 302,
            Self::Temporary => 307,
            Self::Permanent => 308,
        }
    }
}

/// What has become of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkState {
    /// It redirects.
    Active,
    /// Its creator removed it; the code is never given out again.
    Deleted,
    /// Its target was blocked.
    Blocked,
}

impl LinkState {
    pub(crate) fn number(self) -> i64 {
        match self {
            Self::Active => 0,
            Self::Deleted => 1,
            Self::Blocked => 2,
        }
    }

    pub(crate) fn from_number(number: i64) -> Self {
        match number {
            0 => Self::Active,
            1 => Self::Deleted,
            _ => Self::Blocked,
        }
    }

    /// The word shown to users.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deleted => "deleted",
            Self::Blocked => "blocked",
        }
    }
}

/// A mapping from a code to a long URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The counter number it was made with.
    pub id: i64,
    /// A branded domain, or empty for the service's own.
    pub domain: String,
    /// The generated code or the alias.
    pub code: String,
    /// What `Location` carries, byte for byte.
    pub long_url: String,
    /// For people.
    pub title: Option<String>,
    /// How browsers are sent on.
    pub redirect: Redirect,
    /// Whether the visitor's query is added to the target's.
    pub forward_query: bool,
    /// The creator's principal; empty when nobody gave a credential.
    pub created_by: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last edited.
    pub updated_at: Timestamp,
    /// It answers from then on.
    pub valid_from: Option<Timestamp>,
    /// It answers until then; none: until six months after its last use.
    pub expires_at: Option<Timestamp>,
    /// Renewed by use, at least once a day.
    pub last_used_at: Timestamp,
    /// The visits it was made for; 1 is a one-time link.
    pub max_visits: Option<i64>,
    /// How many of them are left.
    pub visits_left: Option<i64>,
    /// An argon2id hash; none: no password is asked for.
    pub password_hash: Option<String>,
    /// Whether it redirects.
    pub state: LinkState,
    /// Visits so far, of people and bots.
    pub clicks: i64,
    /// Whether it is in the pool from which equal targets share one code.
    pub shared: bool,
    /// Whether the code is the one that the number stands for, under which it is then found.
    pub numbered: bool,
    /// For finding it again.
    pub tags: Vec<String>,
}

impl Link {
    /// Where it answers.
    pub fn address(&self) -> ShortAddress {
        ShortAddress { domain: self.domain.clone(), code: self.code.clone() }
    }

    /// When it stops answering: as set, or `idle` after the last use.
    pub fn deadline(&self, idle: std::time::Duration) -> Timestamp {
        self.expires_at.unwrap_or_else(|| self.last_used_at.plus(idle))
    }

    /// Whether a redirect can be answered from its target alone.
    pub fn is_plain(&self) -> bool {
        self.password_hash.is_none() && self.max_visits.is_none()
    }
}

/// What a link is made from. Everything but the URL is optional.
#[derive(Clone, Debug, Default)]
pub struct NewLink {
    /// Where it leads.
    pub long_url: String,
    /// A code of the caller's choice.
    pub alias: Option<String>,
    /// A branded domain of this namespace.
    pub domain: Option<String>,
    /// For people.
    pub title: Option<String>,
    /// For finding it again.
    pub tags: Vec<String>,
    /// As [`Link::redirect`]; none: the deployment's.
    pub redirect: Option<Redirect>,
    /// As [`Link::forward_query`].
    pub forward_query: bool,
    /// As [`Link::valid_from`].
    pub valid_from: Option<Timestamp>,
    /// As [`Link::expires_at`].
    pub expires_at: Option<Timestamp>,
    /// As [`Link::max_visits`].
    pub max_visits: Option<i64>,
    /// Asked for before the redirect.
    pub password: Option<String>,
    /// Keeps the link out of the shared pool: a code of its own though the target has one.
    pub private: bool,
}

impl NewLink {
    /// Links with wishes of their own cannot serve someone who asked for the bare target.
    pub fn wants_own_code(&self) -> bool {
        self.private
            || self.alias.is_some()
            || self.redirect.is_some()
            || self.forward_query
            || self.valid_from.is_some()
            || self.expires_at.is_some()
            || self.max_visits.is_some()
            || self.password.is_some()
    }
}

/// An edit: `None` leaves a field as it is, `Some(None)` clears it.
#[derive(Clone, Debug, Default)]
pub struct LinkChange {
    /// See [`Link::long_url`].
    pub long_url: Option<String>,
    /// See [`Link::title`].
    pub title: Option<Option<String>>,
    /// See [`Link::tags`].
    pub tags: Option<Vec<String>>,
    /// See [`Link::redirect`].
    pub redirect: Option<Redirect>,
    /// See [`Link::forward_query`].
    pub forward_query: Option<bool>,
    /// See [`Link::valid_from`].
    pub valid_from: Option<Option<Timestamp>>,
    /// See [`Link::expires_at`].
    pub expires_at: Option<Option<Timestamp>>,
    /// See [`Link::max_visits`]; visits made so far stay counted.
    pub max_visits: Option<Option<i64>>,
    /// The new password.
    pub password: Option<Option<String>>,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Author {
    /// The principal; empty when nobody gave a credential.
    pub id: String,
    /// May change every link of the namespace.
    pub is_admin: bool,
    /// What creation is limited by: an address or the principal.
    pub limited_by: String,
}

/// A code on a domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ShortAddress {
    /// A branded domain, or empty.
    pub domain: String,
    /// The code or alias.
    pub code: String,
}

/// Where the row of a link may be found: under its code, or under the number that the code stands
/// for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The code on its domain.
    pub address: ShortAddress,
    /// None when no number is written like that.
    pub number: Option<i64>,
}

/// Why the service refused.
#[derive(Debug, Clone, Error)]
pub enum ShortenError {
    /// The long URL is not acceptable.
    #[error(transparent)]
    Target(#[from] TargetRefusal),
    /// The alias is not acceptable.
    #[error("the alias is not usable: {0}")]
    Alias(#[from] NameError),
    /// A field is out of bounds.
    #[error("{field}: {what}")]
    Field {
        /// As the caller wrote it.
        field: &'static str,
        /// What to do.
        what: String,
    },
    /// The alias or code exists.
    #[error("{0} is taken; choose another alias")]
    Taken(String),
    /// No such code.
    #[error("there is no short link {0}")]
    NotFound(String),
    /// Expired, used up, deleted or blocked.
    #[error("this short link {0}")]
    Gone(&'static str),
    /// It begins later.
    #[error("this short link is not active before {0}")]
    NotYet(Timestamp),
    /// Somebody else's.
    #[error("only the creator of a short link may change it")]
    NotCreator,
    /// Others were given the same code for the same target.
    #[error(
        "{0} others were given this code for the same long URL, so it cannot change under them; \
         make a link of your own with an alias or \"private\": true"
    )]
    Shared(i64),
    /// The deployment's switch.
    #[error("links of this deployment are immutable (setting shortener.immutable)")]
    Immutable,
    /// This deployment wants to know who makes links.
    #[error(
        "links of this deployment are made with a credential (setting \
             shortener.anonymous_create)"
    )]
    NoCredential,
    /// Too many creations.
    #[error("too many links were created from here; try again in {0} s")]
    Limited(u32),
    /// The domain is not registered here.
    #[error("{0} is not a domain of this namespace; add it first")]
    UnknownDomain(String),
    /// The visitor has not given the right password.
    #[error("this short link asks for a password")]
    PasswordNeeded,
    /// No code can be issued.
    #[error("no code can be issued: {0}")]
    NoCode(String),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] SqlError),
}

impl From<RangeError> for ShortenError {
    fn from(error: RangeError) -> Self {
        Self::NoCode(error.to_string())
    }
}
