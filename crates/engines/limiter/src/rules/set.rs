//! All rules as one value that never changes: what a request's descriptors match, found by one
//! look-up an entry.
//!
//! At each level the exact value is taken before a pattern, and a pattern before the key alone; a
//! rule applies only where the descriptor ends (envoyproxy/ratelimit, `README.md`, section
//! "Descriptor list definition"). There is no way back: an exact value without a rule is free.

use std::collections::HashMap;
use std::hash::Hasher;
use std::sync::Arc;

use siphasher::sip::SipHasher13;

use super::RuleError;
use super::pattern::Pattern;
use super::read::{self, Descriptor, Kind};
use super::rule::{Counts, Rule};

/// Rules of all files together.
pub const RULES_MAX: usize = 100_000;

/// A file of rules as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFile {
    /// Its name, such as `auth.yaml`.
    pub name: String,
    /// YAML.
    pub text: String,
}

/// The rules of all files.
#[derive(Debug, Default)]
pub struct RuleSet {
    domains: HashMap<String, Level>,
    rules: Vec<Arc<Rule>>,
}

/// Where a request's callers are told apart by a secret, so that nothing of them can be guessed
/// from a key.
#[derive(Clone, Copy, Debug)]
pub struct Secret(pub [u8; 16]);

/// The rule that a descriptor matches, and who it is about, hashed.
#[derive(Clone, Copy, Debug)]
pub struct Match<'s> {
    /// The rule.
    pub rule: &'s Arc<Rule>,
    /// The caller.
    pub key: u64,
}

type Level = HashMap<Box<str>, Values>;

/// What stands below a key.
#[derive(Debug, Default)]
struct Values {
    exact: HashMap<Box<str>, Branch>,
    patterns: Vec<(Pattern, Branch)>,
    any: Option<Box<Branch>>,
}

#[derive(Debug, Default)]
struct Branch {
    /// The pattern that stands for all values it matches, where they share one counter.
    shared: Option<Box<str>>,
    rule: Option<Arc<Rule>>,
    below: Level,
}

impl RuleSet {
    /// Reads `files`; rules that name no algorithm get `default`. Counts of rules that were there
    /// before go on, from `known`.
    ///
    /// # Errors
    /// The first mistake, with file and line. Nothing is half taken.
    pub fn read(
        files: &[RuleFile],
        default: Kind,
        known: &HashMap<String, Arc<Counts>>,
    ) -> Result<Self, RuleError> {
        let mut set = Self::default();
        for file in files {
            let named = |error: RuleError| error.in_file(&file.name);
            let read = read::read(&file.text, default).map_err(named)?;
            let Self { domains, rules } = &mut set;
            let level = domains.entry(read.domain.clone()).or_default();
            let mut adding = Adding { known, rules };
            let place = format!("{}:", read.domain);
            adding.all(level, read.descriptors, &place).map_err(named)?;
        }
        Ok(set)
    }

    /// Every rule, in the order of the files.
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    /// The domains that have rules.
    pub fn has_domain(&self, domain: &str) -> bool {
        self.domains.contains_key(domain)
    }

    /// The rule for a descriptor of `entries`, if one applies to just these.
    pub fn find<'e>(
        &self,
        domain: &str,
        entries: impl IntoIterator<Item = (&'e str, &'e str)>,
        secret: Secret,
    ) -> Option<Match<'_>> {
        let mut level = self.domains.get(domain)?;
        let mut hasher = KeyHasher::new(secret, domain);
        let mut rule = None;
        for (key, value) in entries {
            let branch = level.get(key)?.branch(value)?;
            hasher.entry(key, branch.shared.as_deref().unwrap_or(value));
            level = &branch.below;
            rule = branch.rule.as_ref();
        }
        rule.map(|rule| Match { rule, key: hasher.key() })
    }
}

/// Who a request is about, hashed under a secret.
pub struct KeyHasher(SipHasher13);

impl KeyHasher {
    /// Within a domain.
    pub fn new(Secret(secret): Secret, domain: &str) -> Self {
        let mut hasher = Self(SipHasher13::new_with_key(&secret));
        hasher.bytes(domain.as_bytes());
        hasher
    }

    /// One entry of the descriptor.
    pub fn entry(&mut self, key: &str, value: &str) {
        self.bytes(key.as_bytes());
        self.bytes(value.as_bytes());
    }

    /// The key.
    pub fn key(&self) -> u64 {
        self.0.finish()
    }

    /// Bytes, with their length, so that no two lists of parts read alike.
    pub fn bytes(&mut self, part: &[u8]) {
        self.0.write_u32(u32::try_from(part.len()).unwrap_or(u32::MAX));
        self.0.write(part);
    }
}

impl Values {
    fn branch(&self, value: &str) -> Option<&Branch> {
        if let Some(branch) = self.exact.get(value) {
            return Some(branch);
        }
        let pattern = self.patterns.iter().find(|(pattern, _)| pattern.matches(value));
        pattern.map(|(_, branch)| branch).or(self.any.as_deref())
    }

    /// A place for another branch; none when there is one already.
    fn add(&mut self, value: Option<&str>, branch: Branch) -> Option<&mut Branch> {
        let Some(value) = value else {
            if self.any.is_some() {
                return None;
            }
            return Some(&mut **self.any.insert(Box::new(branch)));
        };
        if self.exact.contains_key(value) {
            return None;
        }
        match Pattern::of(value) {
            Some(pattern) => {
                self.patterns.push((pattern, branch));
                self.patterns.last_mut().map(|(_, branch)| branch)
            }
            None => Some(self.exact.entry(value.into()).or_insert(branch)),
        }
    }
}

/// Files being put together.
struct Adding<'a> {
    known: &'a HashMap<String, Arc<Counts>>,
    rules: &'a mut Vec<Arc<Rule>>,
}

impl Adding<'_> {
    fn all(
        &mut self,
        level: &mut Level,
        descriptors: Vec<Descriptor>,
        place: &str,
    ) -> Result<(), RuleError> {
        for descriptor in descriptors {
            self.one(level, descriptor, place)?;
        }
        Ok(())
    }

    fn one(
        &mut self,
        level: &mut Level,
        descriptor: Descriptor,
        place: &str,
    ) -> Result<(), RuleError> {
        let Descriptor { line, key, value, share, rate, below } = descriptor;
        let value = value.as_deref();
        let place = match value {
            Some(value) => format!("{place}/{key}={value}"),
            None => format!("{place}/{key}"),
        };
        let rule = rate.map(|rate| {
            let counts = self.known.get(&place).cloned().unwrap_or_default();
            let (name, replaces, limit) = (rate.name, rate.replaces, rate.limit);
            Arc::new(Rule {
                place: place.clone(),
                name,
                replaces,
                limit,
                manner: rate.manner,
                counts,
            })
        });
        if self.rules.len() >= RULES_MAX {
            return Err(RuleError::at(line, format!("more than {RULES_MAX} rules")));
        }
        self.rules.extend(rule.clone());
        let shared = value.filter(|_| share).map(Box::from);
        let branch = Branch { shared, rule, below: Level::new() };
        let taken =
            || RuleError::at(line, format!("{place} stands here or in another file already"));
        let added = level.entry(key.into()).or_default().add(value, branch);
        let below_level = &mut added.ok_or_else(taken)?.below;
        self.all(below_level, below, &place)
    }
}
