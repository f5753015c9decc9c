//! What can go wrong in a store, in words that hold for both engines.

use thiserror::Error;

/// An SQL store's refusal. Which engine answered cannot be told from it.
#[derive(Debug, Clone, Error)]
pub enum SqlError {
    /// A unique or primary key already holds the value.
    #[error("a row with the same key exists: {0}")]
    Duplicate(String),
    /// The disk or the quota is full; nothing of the transaction was kept.
    #[error("no space left for {0}; reads go on, writes resume when space returns")]
    Full(String),
    /// The store may not be written: permissions, or a read-only file system.
    #[error("{0} cannot be written: {1}; make it writable and try again")]
    ReadOnly(String, String),
    /// The file is not a healthy database.
    #[error("{0} is damaged ({1}); restore it from a backup, or move it away to start empty")]
    Corrupt(String, String),
    /// The database was written by a later version of this program.
    #[error("{0} is at schema {1}, newer than the {2} known here; run a newer backplane")]
    Newer(String, u32, u32),
    /// The server cannot be reached or ended the session.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// Concurrent transactions kept colliding until the retries were used up.
    #[error("gave up after {0} colliding attempts; try again")]
    Contended(u32),
    /// Reading or writing a file failed.
    #[error("{0}: {1}")]
    Io(String, String),
    /// The database's address is none, or says something that is not understood.
    #[error("the database's URL is refused: {0}")]
    BadUrl(String),
    /// A statement or a row is not what the code takes it for: a fault of ours.
    #[error("statement refused: {0}")]
    Invalid(String),
}

impl SqlError {
    /// Whether the caller may repeat the same request later with success.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Full(_)
                | Self::ReadOnly(..)
                | Self::Unavailable(_)
                | Self::Contended(_)
                | Self::Io(..)
        )
    }

    /// What a failed file operation on `path` means for the store it belongs to.
    pub fn from_io(path: &std::path::Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        let store = path.display().to_string();
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full(store),
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                Self::ReadOnly(store, error.to_string())
            }
            _ => Self::Io(store, error.to_string()),
        }
    }

    pub(super) fn from_sqlite(store: &str, error: &rusqlite::Error) -> Self {
        use rusqlite::ffi::{self, ErrorCode};
        let rusqlite::Error::SqliteFailure(code, text) = error else {
            return Self::Invalid(error.to_string());
        };
        let text = text.clone().unwrap_or_else(|| code.to_string());
        match code.code {
            ErrorCode::ConstraintViolation
                if matches!(
                    code.extended_code,
                    ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
                ) =>
            {
                Self::Duplicate(text)
            }
            ErrorCode::DiskFull => Self::Full(store.to_owned()),
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied => {
                Self::ReadOnly(store.to_owned(), text)
            }
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                Self::Corrupt(store.to_owned(), text)
            }
            ErrorCode::SystemIoFailure | ErrorCode::CannotOpen => Self::Io(store.to_owned(), text),
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Contended(1),
            _ => Self::Invalid(text),
        }
    }

    /// For the first statements on a file, which are ours and right: what SQLite cannot make sense
    /// of in them is the file (an unknown file format, say), so the store is named.
    pub(super) fn while_opening(self, store: &str) -> Self {
        match self {
            Self::Invalid(text) => Self::Corrupt(store.to_owned(), text),
            other => other,
        }
    }

    pub(super) fn from_postgres(error: &postgres::Error) -> Self {
        use postgres::error::SqlState;
        let Some(answer) = error.as_db_error() else {
            return if error.is_closed() || std::error::Error::source(error).is_some() {
                Self::Unavailable(with_causes(error))
            } else {
                Self::Invalid(with_causes(error))
            };
        };
        let text = answer.message().to_owned();
        match answer.code() {
            code if *code == SqlState::UNIQUE_VIOLATION => Self::Duplicate(text),
            code if *code == SqlState::DISK_FULL => Self::Full("the database".to_owned()),
            code if *code == SqlState::READ_ONLY_SQL_TRANSACTION => {
                Self::ReadOnly("the database".to_owned(), text)
            }
            code if *code == SqlState::T_R_SERIALIZATION_FAILURE
                || *code == SqlState::T_R_DEADLOCK_DETECTED =>
            {
                Self::Contended(1)
            }
            // Classes 08, 53, 57 and 58 tell of the server's state, not of our statement.
            code if ["08", "53", "57", "58"].iter().any(|class| code.code().starts_with(class)) => {
                Self::Unavailable(text)
            }
            _ => Self::Invalid(text),
        }
    }
}

/// The `postgres` crate's messages leave out why.
pub(super) fn with_causes(error: &postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
