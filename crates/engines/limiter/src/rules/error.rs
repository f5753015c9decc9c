//! Why a rule file is refused.

use thiserror::Error;

/// Bytes of a reason that is shown; a file's own text may be long.
const REASON_BYTES_MAX: usize = 400;

/// The first mistake of a rule file. The file is then refused whole.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{}line {line}: {reason}", .file.as_deref().map(and_comma).unwrap_or_default())]
pub struct RuleError {
    /// The file, where there are several.
    pub file: Option<String>,
    /// Counted from 1.
    pub line: usize,
    /// What is wrong and what it may be.
    pub reason: String,
}

impl RuleError {
    pub(super) fn at(line: usize, reason: impl Into<String>) -> Self {
        let mut reason: String = reason.into();
        if reason.len() > REASON_BYTES_MAX {
            reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
            reason.push_str("...");
        }
        Self { file: None, line, reason }
    }

    /// Names the file.
    #[must_use]
    pub fn in_file(mut self, file: &str) -> Self {
        self.file = Some(file.to_owned());
        self
    }
}

fn and_comma(file: &str) -> String {
    format!("{file}, ")
}
