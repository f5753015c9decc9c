//! A policy from its text.
//!
//! ```text
//! rule      = ("allow" | "deny") scope {"," scope} ["when" condition {"and" condition}]
//! condition = attribute ("=" | "!=") (attribute | "'" text "'")
//!           | "time" "in" days hours offset
//! attribute = ("subject" | "resource" | "environment") "." name
//! ```

use std::str::FromStr;

use thiserror::Error;

use super::condition::{Attribute, Condition, Of, Operand};
use super::hours::Hours;
use super::{CONDITIONS_MAX, Policy, RULES_MAX, Rule};
use crate::auth::{BadScopes, Scopes};

/// A text that is no policy: where, and why.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("line {line} of the policy: {reason}")]
pub struct BadPolicy {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: BadRule,
}

/// Why a line is no rule.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BadRule {
    /// It begins with another word.
    #[error("begin with allow or deny, then what for")]
    Effect,
    /// What it is about are no scopes.
    #[error(transparent)]
    Actions(#[from] BadScopes),
    /// A word that no rule has there.
    #[error("{0:?} is not understood there")]
    Word(String),
    /// It breaks off.
    #[error("it breaks off")]
    End,
    /// Such hours are not known.
    #[error("write hours as Mon-Fri 09:00-17:00 +01:00, or UTC for the offset")]
    Hours,
    /// There are too many rules or conditions.
    #[error("at most {RULES_MAX} rules of {CONDITIONS_MAX} conditions fit in a policy")]
    TooMany,
}

impl FromStr for Policy {
    type Err = BadPolicy;

    /// Reads one rule a line; empty lines, and those that begin with `#`, say nothing.
    fn from_str(text: &str) -> Result<Self, BadPolicy> {
        let mut rules = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let wrong = |reason| BadPolicy { line, reason };
            if rules.len() == RULES_MAX {
                return Err(wrong(BadRule::TooMany));
            }
            rules.push(rule(line, text).map_err(wrong)?);
        }
        Ok(Self(rules))
    }
}

fn rule(line: usize, text: &str) -> Result<Rule, BadRule> {
    let mut words = Words(text);
    let allows = match words.next()? {
        "allow" => true,
        "deny" => false,
        _ => return Err(BadRule::Effect),
    };
    let actions: Scopes = words.next()?.parse()?;
    let mut conditions = Vec::new();
    let mut joint = "when";
    while let Some(word) = words.next_if_any()? {
        if word != joint {
            return Err(BadRule::Word(word.to_owned()));
        }
        if conditions.len() == CONDITIONS_MAX {
            return Err(BadRule::TooMany);
        }
        conditions.push(condition(&mut words)?);
        joint = "and";
    }
    Ok(Rule { line, allows, actions, conditions })
}

fn condition(words: &mut Words<'_>) -> Result<Condition, BadRule> {
    let first = words.next()?;
    if first == "time" {
        return match words.next()? {
            "in" => {
                let (days, hours, offset) = (words.next()?, words.next()?, words.next()?);
                Hours::read(days, hours, offset).map(Condition::Within).ok_or(BadRule::Hours)
            }
            other => Err(BadRule::Word(other.to_owned())),
        };
    }
    let attribute = attribute(first)?;
    let is_wanted = match words.next()? {
        "=" => true,
        "!=" => false,
        other => return Err(BadRule::Word(other.to_owned())),
    };
    let operand = match words.next()? {
        quoted if quoted.starts_with('\'') => Operand::Text(quoted.trim_matches('\'').to_owned()),
        name => Operand::Attribute(self::attribute(name)?),
    };
    Ok(Condition::Same { attribute, operand, is_wanted })
}

fn attribute(word: &str) -> Result<Attribute, BadRule> {
    let unknown = || BadRule::Word(word.to_owned());
    let (of, name) = word.split_once('.').ok_or_else(unknown)?;
    let of = match of {
        "subject" => Of::Subject,
        "resource" => Of::Resource,
        "environment" => Of::Environment,
        _ => return Err(unknown()),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(unknown());
    }
    Ok(Attribute { of, name: name.to_owned() })
}

/// What is left of a line. A word ends at a space; a text in quotes at the next quote.
struct Words<'t>(&'t str);

impl<'t> Words<'t> {
    fn next(&mut self) -> Result<&'t str, BadRule> {
        self.next_if_any()?.ok_or(BadRule::End)
    }

    fn next_if_any(&mut self) -> Result<Option<&'t str>, BadRule> {
        let text = self.0.trim_start();
        if text.is_empty() {
            return Ok(None);
        }
        let end = match text.strip_prefix('\'') {
            Some(quoted) => quoted.find('\'').ok_or(BadRule::End)? + 2,
            None => text.find(char::is_whitespace).unwrap_or(text.len()),
        };
        let (word, rest) = text.split_at(end);
        self.0 = rest;
        Ok(Some(word))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal(text: &str) -> BadRule {
        text.parse::<Policy>().unwrap_err().reason
    }

    #[test]
    fn a_policy_is_read_line_by_line() {
        let policy: Policy =
            "# a remark\n\nallow a:b,c:* when resource.x != 'two words'\ndeny *".parse().unwrap();
        let lines: Vec<_> = policy.0.iter().map(|rule| (rule.line, rule.allows)).collect();
        assert_eq!(lines, [(3, true), (4, false)]);
        assert!(policy.0[0].actions.allows("c:d"));
    }

    #[test]
    fn what_is_no_rule_says_why() {
        assert_eq!(refusal("permit a:b"), BadRule::Effect);
        assert!(matches!(refusal("allow everything"), BadRule::Actions(_)));
        assert_eq!(refusal("allow"), BadRule::End);
        assert_eq!(refusal("allow a:b when"), BadRule::End);
        assert_eq!(refusal("allow a:b if x"), BadRule::Word("if".to_owned()));
        assert_eq!(refusal("allow a:b when owner = 'x'"), BadRule::Word("owner".to_owned()));
        assert_eq!(refusal("allow a:b when resource.x = 'x"), BadRule::End);
        assert_eq!(refusal("allow a:b when resource.x is 'x'"), BadRule::Word("is".to_owned()));
        assert_eq!(refusal("allow a:b when time in Mon 9-17 UTC"), BadRule::Hours);
        let long = ["resource.x = 'x'"; CONDITIONS_MAX + 1].join(" and ");
        assert_eq!(refusal(&format!("allow a:b when {long}")), BadRule::TooMany);
        assert_eq!(refusal(&"deny *\n".repeat(RULES_MAX + 1)), BadRule::TooMany);
        let error = "allow a:b\nallow".parse::<Policy>().unwrap_err();
        assert_eq!(error.to_string(), "line 2 of the policy: it breaks off");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(
            text in "(allow|deny)? ?[a-z:*,]{0,6} ?(when)? ?[a-z.='! 0-9:+-]{0,40}",
        ) {
            let _ = text.parse::<Policy>();
        }
    }
}
