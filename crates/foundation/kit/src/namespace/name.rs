//! The name of a namespace: also the name of its directory and part of its SQL schemas.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use thiserror::Error;

/// The longest name, in bytes: what a PostgreSQL schema name leaves beside a system's name.
pub const NAME_BYTES_MAX: usize = 40;

/// 1 to 40 characters of `a-z 0-9 -`, beginning and ending with a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamespaceName(Arc<str>);

/// A text that is no namespace's name.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "{0:?} cannot name a namespace: use 1 to {NAME_BYTES_MAX} characters of a-z, 0-9 and -, \
     beginning and ending with a letter or digit"
)]
pub struct BadName(String);

impl NamespaceName {
    /// The namespace of requests that name no other.
    pub const DEFAULT: &'static str = "default";

    /// [`NamespaceName::DEFAULT`] as a name.
    pub fn default_name() -> Self {
        static NAME: LazyLock<Arc<str>> = LazyLock::new(|| Arc::from(NamespaceName::DEFAULT));
        Self(Arc::clone(&NAME))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NamespaceName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = text.as_bytes();
        let ends_well = bytes.first().is_some_and(inner) && bytes.last().is_some_and(inner);
        let all_well = bytes.iter().all(|byte| inner(byte) || *byte == b'-');
        if ends_well && all_well && bytes.len() <= NAME_BYTES_MAX {
            Ok(Self(Arc::from(text)))
        } else {
            Err(BadName(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for NamespaceName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl serde::Serialize for NamespaceName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_as_directories_and_schemas() {
        for good in ["default", "a", "team-7", "0", &"n".repeat(NAME_BYTES_MAX)] {
            assert_eq!(good.parse::<NamespaceName>().unwrap().as_str(), good);
        }
        for bad in ["", "-a", "a-", "A", "a/b", "..", "a b", "ä", &"n".repeat(41)] {
            assert!(bad.parse::<NamespaceName>().is_err(), "{bad}");
        }
    }
}
