//! What can be wrong with settings, in one line each.

use std::fmt;

/// Why settings were refused. The text is one line that names the place and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is absent or cannot be read.
    #[error("{file}: cannot be read: {source}")]
    Unreadable {
        /// The file.
        file: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The text is not TOML.
    #[error("{place}: not TOML: {message}")]
    Syntax {
        /// File and line.
        place: String,
        /// What the parser wanted.
        message: String,
    },
    /// A key that no section names.
    #[error("{place}: unknown key `{key}`{}", Hint(nearest))]
    UnknownKey {
        /// File and line, or the flag.
        place: String,
        /// The dotted key.
        key: String,
        /// The known key most like it.
        nearest: Option<String>,
    },
    /// A table that is no section.
    #[error("{place}: unknown section [{name}]{}", Hint(nearest))]
    UnknownSection {
        /// File and line, or the flag.
        place: String,
        /// The table.
        name: String,
        /// The known section most like it.
        nearest: Option<String>,
    },
    /// A variable with the prefix that is no setting.
    #[error("variable {name} is no setting{}", Hint(nearest))]
    UnknownVariable {
        /// The variable.
        name: String,
        /// The known variable most like it.
        nearest: Option<String>,
    },
    /// A value of another type than the default's.
    #[error("{place}: `{key}` wants {wanted}, not {found}")]
    WrongType {
        /// File and line, variable or flag.
        place: String,
        /// The dotted key.
        key: String,
        /// The type of the default, with its article.
        wanted: &'static str,
        /// The type given, with its article. Never the value, which may be a secret.
        found: &'static str,
    },
    /// A flag without `=`.
    #[error("setting `{text}` must have the form section.key=value")]
    NotAnAssignment {
        /// The flag's text.
        text: String,
    },
    /// The owner of the section refuses a value of the right type.
    #[error("section [{section}]: {message}")]
    Refused {
        /// The section.
        section: String,
        /// What was wrong.
        message: String,
    },
    /// The program's own default texts contradict each other: a mistake of its authors.
    #[error("default settings of [{section}]: {message}")]
    Defaults {
        /// The section.
        section: String,
        /// What is wrong with its text.
        message: String,
    },
}

struct Hint<'a>(&'a Option<String>);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(nearest) => write!(f, "; did you mean `{nearest}`?"),
            None => f.write_str("; `config --default` lists all"),
        }
    }
}
