//! The folder of a namespace's rule files: read again and again, and written by the API, so that
//! an editor and the API agree.

use std::sync::Arc;

use kit::documents::{Documents, DocumentsError};
use kit::telemetry::metrics::{Counter, Gauge, Metrics};
use parking_lot::Mutex;
use thiserror::Error;

use crate::rules::{Change, RuleError, RuleFile, Rules};

/// Rule files of one namespace.
pub const FILES_MAX: usize = 256;
/// What the names of rule files end with; others are left alone.
const ENDINGS: [&str; 2] = [".yaml", ".yml"];

/// The rule files of one namespace.
pub struct RuleFiles {
    folder: Documents,
    /// One change at a time.
    changing: Mutex<()>,
    /// Why the files as they are now are not in force.
    refusal: Mutex<Option<String>>,
    refused: Gauge,
    reloads: Counter,
}

/// Why rule files could not be read or changed.
#[derive(Debug, Error)]
pub enum RuleFilesError {
    /// What a file says is wrong.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// A name that is none of a rule file.
    #[error("{0:?} is no name of a rule file: use a-z 0-9 _ - and .yaml at the end")]
    Name(String),
    /// There is no such file.
    #[error("there is no rule file {0:?}")]
    NotFound(String),
    /// There are [`FILES_MAX`] already.
    #[error("there are {FILES_MAX} rule files already; put rules together")]
    TooMany,
    /// The folder cannot be read or written.
    #[error(transparent)]
    Folder(#[from] DocumentsError),
}

impl RuleFiles {
    /// The files in `folder`, which are not read yet.
    pub fn new(folder: Documents, metrics: &Metrics) -> Self {
        Self {
            folder,
            changing: Mutex::default(),
            refusal: Mutex::default(),
            refused: metrics.gauge(
                "backplane_limiter_rules_refused",
                "Namespaces whose rule files are not in force because of a mistake: an alarm",
            ),
            reloads: metrics.counter("backplane_limiter_reloads", "Changes of rules taken"),
        }
    }

    /// Reads the files, and puts their rules in force if they changed. Blocks for as long as the
    /// disk does.
    ///
    /// # Errors
    /// The first mistake; then the rules in force stay and the alarm is raised.
    pub fn reload(&self, rules: &Rules) -> Result<Change, RuleFilesError> {
        let _one = self.changing.lock();
        self.reload_now(rules)
    }

    fn reload_now(&self, rules: &Rules) -> Result<Change, RuleFilesError> {
        let taken = self.read().and_then(|files| Ok(rules.take(files)?));
        let mut refusal = self.refusal.lock();
        match &taken {
            Ok(change) => {
                if refusal.take().is_some() {
                    self.refused.dec();
                }
                if *change == Change::Taken {
                    self.reloads.inc();
                }
            }
            Err(error) => {
                if refusal.replace(error.to_string()).is_none() {
                    self.refused.inc();
                    tracing::error!(%error, "the rule files are refused; the rules in force stay");
                }
            }
        }
        taken
    }

    /// The files with this one in the place of its like, as they would be.
    ///
    /// # Errors
    /// [`RuleFilesError::Name`], [`RuleFilesError::TooMany`], or the folder's.
    pub fn with(&self, file: RuleFile) -> Result<Vec<RuleFile>, RuleFilesError> {
        check_name(&file.name)?;
        let mut files = self.read()?;
        match files.binary_search_by(|other| other.name.cmp(&file.name)) {
            Ok(at) => files[at] = file,
            Err(_) if files.len() >= FILES_MAX => return Err(RuleFilesError::TooMany),
            Err(at) => files.insert(at, file),
        }
        Ok(files)
    }

    /// Writes a file once its rules are known to be right, and puts them in force.
    ///
    /// # Errors
    /// What is wrong; nothing was written then.
    pub fn put(&self, rules: &Rules, file: RuleFile) -> Result<(), RuleFilesError> {
        let _one = self.changing.lock();
        rules.read(&self.with(file.clone())?)?;
        self.folder.put(&file.name, &file.text)?;
        self.reload_now(rules).map(drop)
    }

    /// Removes a file and its rules.
    ///
    /// # Errors
    /// [`RuleFilesError::NotFound`], or the folder's.
    pub fn remove(&self, rules: &Rules, name: &str) -> Result<(), RuleFilesError> {
        let _one = self.changing.lock();
        check_name(name)?;
        if !self.folder.remove(name)? {
            return Err(RuleFilesError::NotFound(name.to_owned()));
        }
        self.reload_now(rules).map(drop)
    }

    /// Why the files as they are now are not in force, if they are not.
    pub fn refusal(&self) -> Option<String> {
        self.refusal.lock().clone()
    }

    fn read(&self) -> Result<Vec<RuleFile>, RuleFilesError> {
        let is_rules = |name: &str| ENDINGS.iter().any(|ending| name.ends_with(ending));
        let documents = self.folder.read(is_rules, crate::rules::FILE_BYTES_MAX)?;
        if documents.len() > FILES_MAX {
            return Err(RuleFilesError::TooMany);
        }
        let file = |(name, text)| RuleFile { name, text };
        Ok(documents.into_iter().map(file).collect())
    }
}

impl Drop for RuleFiles {
    fn drop(&mut self) {
        if self.refusal.lock().is_some() {
            self.refused.dec();
        }
    }
}

fn check_name(name: &str) -> Result<(), RuleFilesError> {
    let stem = ENDINGS.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or_default();
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    if stem.is_empty() || stem.len() > 100 || !stem.bytes().all(plain) {
        return Err(RuleFilesError::Name(name.chars().take(100).collect()));
    }
    Ok(())
}

/// A handle for the worker that reads the files again.
pub(crate) fn poll(limiter: &Arc<crate::service::Limiter>) {
    // What is wrong has been logged and counted; the rules in force stay.
    drop(limiter.rule_files.reload(&limiter.rules));
}
