//! The two kinds of name a link can have: a generated [`Code`] and a chosen [`Alias`].
//!
//! Both are case-sensitive: `zn9edcu` and `Zn9edcu` are two links.

use std::fmt;
use std::str::FromStr;

/// Longest generated code. Seven characters hold 62^7 links; the eighth is for what lies beyond.
pub const MAX_CODE_LEN: usize = 8;

/// Longest custom alias, in bytes (and characters: an alias is ASCII).
pub const MAX_ALIAS_LEN: usize = 64;

/// First path segments that are, or may become, pages and APIs of the service itself.
///
/// Compared without case, since a person who types `/API` means `/api`. Sorted, for the search.
/// A generated code is checked as well: `healthz` is a perfectly good base-62 number.
pub const RESERVED_WORDS: &[&str] = &[
    "about",
    "adclicks",
    "admin",
    "api",
    "assets",
    "blocklist",
    "bulk",
    "cache",
    "chat",
    "console",
    "crawler",
    "dashboard",
    "docs",
    "domains",
    "drive",
    "exchange",
    "export",
    "favicon",
    "friends",
    "gateway",
    "health",
    "healthz",
    "help",
    "hotel",
    "ids",
    "import",
    "index",
    "kv",
    "leaderboard",
    "limiter",
    "live",
    "livez",
    "login",
    "logout",
    "mail",
    "maps",
    "metrics",
    "notify",
    "oauth",
    "objects",
    "openapi",
    "payment",
    "places",
    "platform",
    "preview",
    "qr",
    "queue",
    "ready",
    "readyz",
    "register",
    "rest",
    "robots",
    "s",
    "settings",
    "shortener",
    "shorturl",
    "shorturls",
    "signup",
    "sitemap",
    "social",
    "static",
    "status",
    "suggest",
    "users",
    "v1",
    "v2",
    "v3",
    "v4",
    "video",
    "wallet",
    "well-known",
    "www",
    "yourls-api",
];

/// Whether `name` is one of [`RESERVED_WORDS`], upper and lower case alike.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    // No word is longer than an alias, so a longer text is free without being folded.
    name.len() <= MAX_ALIAS_LEN
        && RESERVED_WORDS.binary_search(&name.to_ascii_lowercase().as_str()).is_ok()
}

/// Why a text cannot name a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing was given.
    #[error("the name is empty: give at least one character")]
    Empty,
    /// More characters than the kind of name allows.
    #[error("the name is longer than {limit} characters: choose a shorter one")]
    TooLong {
        /// The most characters allowed.
        limit: usize,
    },
    /// A character outside `0-9 a-z A-Z` (and, in an alias, `-` and `_`).
    #[error("the name has a character that is not allowed: use letters a-z, A-Z, digits{extra}")]
    BadCharacter {
        /// The further characters an alias may have, as words for the message.
        extra: &'static str,
    },
    /// One of [`RESERVED_WORDS`].
    #[error("the name is reserved for the service itself: choose another")]
    Reserved,
}

/// A generated short code: 1 to [`MAX_CODE_LEN`] characters of `0-9 a-z A-Z`, kept inline.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code {
    // Unused bytes are zero, so that the derived order is that of the text.
    bytes: [u8; MAX_CODE_LEN],
    len: u8,
}

impl Code {
    /// Checks `text` and keeps it.
    ///
    /// # Errors
    /// [`NameError`] when it is empty, too long or has a character outside the alphabet.
    /// Reserved words pass: whether to skip one is the generator's choice ([`is_reserved`]).
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > MAX_CODE_LEN {
            return Err(NameError::TooLong { limit: MAX_CODE_LEN });
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(NameError::BadCharacter { extra: "" });
        }
        Ok(Self::from_checked(text.as_bytes()))
    }

    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Every constructor admits ASCII only, so the fallback is never taken.
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }

    /// Keeps bytes a caller in this crate has produced from the alphabet, at most eight of them.
    pub(crate) fn from_checked(text: &[u8]) -> Self {
        debug_assert!((1..=MAX_CODE_LEN).contains(&text.len()));
        debug_assert!(text.iter().all(u8::is_ascii_alphanumeric));
        let mut bytes = [0; MAX_CODE_LEN];
        bytes[..text.len()].copy_from_slice(text);
        Self { bytes, len: text.len() as u8 }
    }
}

/// A name its user chose: 1 to [`MAX_ALIAS_LEN`] characters of `0-9 a-z A-Z - _`, not reserved.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Alias(Box<str>);

impl Alias {
    /// Checks `text` and keeps it.
    ///
    /// # Errors
    /// [`NameError`] saying which rule it breaks.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > MAX_ALIAS_LEN {
            return Err(NameError::TooLong { limit: MAX_ALIAS_LEN });
        }
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')) {
            return Err(NameError::BadCharacter { extra: ", '-' and '_'" });
        }
        if is_reserved(text) {
            return Err(NameError::Reserved);
        }
        Ok(Self(text.into()))
    }

    /// The alias as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a generator could some day produce the same text, so that issuing must check.
    #[must_use]
    pub fn could_be_generated(&self) -> bool {
        Code::new(&self.0).is_ok()
    }
}

/// What both kinds of name share: reading from text, showing as text.
macro_rules! text_traits {
    ($name:ident) => {
        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), out)
            }
        }
    };
}

text_traits!(Code);
text_traits!(Alias);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_words_are_sorted_lower_case_and_refused_in_any_case() {
        assert!(RESERVED_WORDS.is_sorted());
        for word in RESERVED_WORDS {
            assert_eq!(*word, word.to_ascii_lowercase());
            assert_eq!(Alias::new(word), Err(NameError::Reserved));
            assert_eq!(Alias::new(&word.to_ascii_uppercase()), Err(NameError::Reserved));
        }
        assert!(Alias::new("apis").is_ok());
    }

    #[test]
    fn codes_are_case_sensitive_and_bounded() {
        assert_ne!(Code::new("zn9edcu"), Code::new("Zn9edcu"));
        assert_eq!(Code::new("12345678").unwrap().as_str(), "12345678");
        assert_eq!(Code::new("123456789"), Err(NameError::TooLong { limit: 8 }));
        assert_eq!(Code::new(""), Err(NameError::Empty));
        for bad in ["a-b", "a b", "a/b", "é", "a\0", "a\n"] {
            assert_eq!(Code::new(bad), Err(NameError::BadCharacter { extra: "" }), "{bad:?}");
        }
    }

    #[test]
    fn codes_order_as_their_text_does() {
        let mut codes = ["b", "a", "aa", "Z", "ab"].map(|text| Code::new(text).unwrap());
        codes.sort();
        assert_eq!(codes.map(|code| code.to_string()), ["Z", "a", "aa", "ab", "b"]);
    }

    #[test]
    fn aliases_allow_dash_and_underscore_and_nothing_else() {
        assert_eq!(Alias::new("summer-sale_2026").unwrap().as_str(), "summer-sale_2026");
        assert!(Alias::new(&"x".repeat(64)).is_ok());
        assert_eq!(Alias::new(&"x".repeat(65)), Err(NameError::TooLong { limit: 64 }));
        for bad in [".", "a.b", "a%20", "../x", "ü", "a+b"] {
            assert!(matches!(Alias::new(bad), Err(NameError::BadCharacter { .. })), "{bad:?}");
        }
        assert!(Alias::new("summer").unwrap().could_be_generated());
        assert!(!Alias::new("summer-x").unwrap().could_be_generated());
        assert!(!Alias::new("summersale").unwrap().could_be_generated());
    }
}
