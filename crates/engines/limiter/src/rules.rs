//! Rules: files of YAML become one set that never changes, and a change replaces the whole set at
//! once. Requests read the set and nothing else.

mod error;
mod fields;
mod pattern;
mod read;
mod rule;
mod set;
#[cfg(test)]
mod tests;
mod yaml;

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;

pub use error::RuleError;
pub use read::{FILE_BYTES_MAX, Kind, PATH_MAX};
pub use rule::{Counts, Limit, Manner, Mode, OnFailure, OnLimit, Outcome, Rule, Tally, Unit};
pub use set::{KeyHasher, Match, RULES_MAX, RuleFile, RuleSet, Secret};

/// The rules in force.
pub struct Rules {
    set: ArcSwap<RuleSet>,
    default: Kind,
    /// The files that the rules come from, or the last ones that were refused.
    files: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    taken: Vec<RuleFile>,
    refused: Option<(Vec<RuleFile>, RuleError)>,
}

/// What came of looking at the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// They say what they said.
    None,
    /// Their rules are in force now.
    Taken,
}

impl Rules {
    /// No rules; those that come and name no algorithm get `default`.
    pub fn new(default: Kind) -> Self {
        Self { set: ArcSwap::default(), default, files: Mutex::default() }
    }

    /// The rules in force at this moment.
    pub fn load(&self) -> Guard<Arc<RuleSet>> {
        self.set.load()
    }

    /// Puts the rules of `files` in force, all of them or none.
    ///
    /// # Errors
    /// The first mistake; the rules in force stay.
    pub fn take(&self, files: Vec<RuleFile>) -> Result<Change, RuleError> {
        let mut seen = self.files.lock();
        if seen.taken == files {
            seen.refused = None;
            return Ok(Change::None);
        }
        if let Some((refused, error)) = &seen.refused
            && *refused == files
        {
            return Err(error.clone());
        }
        match self.read(&files) {
            Ok(set) => {
                self.set.store(Arc::new(set));
                *seen = Seen { taken: files, refused: None };
                Ok(Change::Taken)
            }
            Err(error) => {
                seen.refused = Some((files, error.clone()));
                Err(error)
            }
        }
    }

    /// What the rules would be with `files`; nothing changes.
    ///
    /// # Errors
    /// The first mistake.
    pub fn read(&self, files: &[RuleFile]) -> Result<RuleSet, RuleError> {
        let current = self.set.load();
        let known: HashMap<_, _> = current
            .rules()
            .iter()
            .map(|rule| (rule.place.clone(), Arc::clone(&rule.counts)))
            .collect();
        RuleSet::read(files, self.default, &known)
    }

    /// What the rules would be with `files`, counting from nothing, for a rehearsal.
    ///
    /// # Errors
    /// The first mistake.
    pub fn rehearse(&self, files: &[RuleFile]) -> Result<RuleSet, RuleError> {
        RuleSet::read(files, self.default, &HashMap::new())
    }

    /// The files whose rules are in force.
    pub fn files(&self) -> Vec<RuleFile> {
        self.files.lock().taken.clone()
    }
}
