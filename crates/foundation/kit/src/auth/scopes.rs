//! What a principal may do: a set of patterns over `system:action`.
//!
//! A pattern's two halves are each a name or `*`, so patterns are closed under intersection, and
//! a token's scopes can be cut down to what its user may do today.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// Patterns in one set.
pub const PATTERNS_MAX: usize = 64;
/// Bytes of a system's or an action's name.
const NAME_BYTES_MAX: usize = 40;
const ANY: &str = "*";

/// A set of `shortener:read`, `shortener:*`, `*:read` and `*`. Empty allows nothing.
///
/// As text the patterns stand in order with a space between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Pattern>);

/// A text that is no set of scopes.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BadScopes {
    /// One of the words is no pattern.
    #[error("{0:?} is no scope: write system:action, system:*, *:action or *, in a-z 0-9 _ -")]
    Pattern(String),
    /// There are more patterns than [`PATTERNS_MAX`].
    #[error("at most {PATTERNS_MAX} scopes fit in one set")]
    TooMany,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Pattern {
    system: Box<str>,
    action: Box<str>,
}

impl Scopes {
    /// `*`: everything.
    pub fn all() -> Self {
        Self(vec![Pattern { system: ANY.into(), action: ANY.into() }])
    }

    /// Whether `system:action` is allowed. A text that is no scope never is.
    pub fn allows(&self, needed: &str) -> bool {
        let Some((system, action)) = halves(needed) else { return false };
        self.0.iter().any(|pattern| pattern.covers(system, action))
    }

    /// Whether everything that `other` allows is allowed here too.
    pub fn covers(&self, other: &Self) -> bool {
        let covered = |wanted: &Pattern| {
            self.0.iter().any(|pattern| pattern.covers(&wanted.system, &wanted.action))
        };
        other.0.iter().all(covered)
    }

    /// What both allow.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        let pairs = self.0.iter().flat_map(|one| other.0.iter().map(move |two| (one, two)));
        Self(pairs.filter_map(|(one, two)| one.meet(two)).collect()).tidied()
    }

    /// What either allows.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self(self.0.iter().chain(&other.0).cloned().collect()).tidied()
    }

    /// Whether nothing is allowed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sorted, and without patterns that another one covers: one set has one form.
    fn tidied(mut self) -> Self {
        self.0.sort();
        self.0.dedup();
        let all = self.0.clone();
        let has_wider = |pattern: &Pattern| {
            all.iter().any(|wide| wide != pattern && wide.covers(&pattern.system, &pattern.action))
        };
        self.0.retain(|pattern| !has_wider(pattern));
        self
    }
}

impl FromStr for Scopes {
    type Err = BadScopes;

    /// Reads patterns with spaces or commas between them.
    fn from_str(text: &str) -> Result<Self, BadScopes> {
        let words = text.split([' ', ',']).filter(|word| !word.is_empty());
        let mut patterns = Vec::new();
        for word in words {
            let refusal = || BadScopes::Pattern(word.chars().take(80).collect());
            let (system, action) = halves(word).ok_or_else(refusal)?;
            patterns.push(Pattern { system: system.into(), action: action.into() });
            if patterns.len() > PATTERNS_MAX {
                return Err(BadScopes::TooMany);
            }
        }
        Ok(Self(patterns).tidied())
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, pattern) in self.0.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            match (&*pattern.system, &*pattern.action) {
                (ANY, ANY) => write!(formatter, "{space}{ANY}")?,
                (system, action) => write!(formatter, "{space}{system}:{action}")?,
            }
        }
        Ok(())
    }
}

/// The text form.
impl serde::Serialize for Scopes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Pattern {
    fn covers(&self, system: &str, action: &str) -> bool {
        (&*self.system == ANY || &*self.system == system)
            && (&*self.action == ANY || &*self.action == action)
    }

    fn meet(&self, other: &Self) -> Option<Self> {
        Some(Self {
            system: narrower(&self.system, &other.system)?.into(),
            action: narrower(&self.action, &other.action)?.into(),
        })
    }
}

fn narrower<'p>(one: &'p str, other: &'p str) -> Option<&'p str> {
    match (one, other) {
        (ANY, name) | (name, ANY) => Some(name),
        (one, other) => (one == other).then_some(one),
    }
}

fn halves(text: &str) -> Option<(&str, &str)> {
    if text == ANY {
        return Some((ANY, ANY));
    }
    let (system, action) = text.split_once(':')?;
    (is_half(system) && is_half(action)).then_some((system, action))
}

fn is_half(text: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    text == ANY || (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scopes(text: &str) -> Scopes {
        text.parse().unwrap()
    }

    #[test]
    fn nothing_is_allowed_unless_said() {
        assert!(!Scopes::default().allows("shortener:read"));
        let reader = scopes("shortener:read, queue:*");
        assert!(reader.allows("shortener:read") && reader.allows("queue:write"));
        for denied in ["shortener:write", "shortener", "shortener:", ":read", "", "*", "Queue:read"]
        {
            assert!(!reader.allows(denied), "{denied}");
        }
        assert!(scopes("*").allows("platform:admin"));
        assert!(!scopes("*:read *:write").allows("platform:admin"));
    }

    #[test]
    fn a_set_has_one_form() {
        assert_eq!(scopes("b:* a:read b:read a:read").to_string(), "a:read b:*");
        assert_eq!(scopes("a:read * *:*").to_string(), "*");
        assert!("a:b:c".parse::<Scopes>().is_err());
        let many: Vec<_> = (0..=PATTERNS_MAX).map(|n| format!("s{n}:read")).collect();
        assert_eq!(many.join(" ").parse::<Scopes>(), Err(BadScopes::TooMany));
    }

    fn any_scopes() -> impl Strategy<Value = Scopes> {
        let pattern =
            prop::sample::select(vec!["*", "a:*", "b:*", "*:x", "*:y", "a:x", "a:y", "b:x", "b:y"]);
        prop::collection::vec(pattern, 0..5).prop_map(|words| scopes(&words.join(" ")))
    }

    proptest! {
        #[test]
        fn sets_combine_as_what_they_allow(
            one in any_scopes(), two in any_scopes(),
            needed in prop::sample::select(vec!["a:x", "a:y", "b:x", "b:y", "c:x", "c:z"]),
        ) {
            let (first, second) = (one.allows(needed), two.allows(needed));
            prop_assert_eq!(one.intersect(&two).allows(needed), first && second);
            prop_assert_eq!(one.union(&two).allows(needed), first || second);
            prop_assert!(!one.covers(&two) || first || !second);
            prop_assert!(one.covers(&one.intersect(&two)) && one.union(&two).covers(&one));
            prop_assert_eq!(scopes(&one.to_string()), one);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,60}") {
            let _ = text.parse::<Scopes>();
            prop_assert!(!Scopes::default().allows(&text));
        }
    }
}
