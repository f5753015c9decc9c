//! What can go wrong with a journal.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

/// Why a journal does not do what was asked.
#[derive(Clone, Debug, Error)]
pub enum JournalError {
    /// There is no room for more; what is there can be read, and writing goes on once there is.
    #[error("there is no room for {bytes} more bytes of the journal: {source}; free some space")]
    Full {
        /// What was to be written.
        bytes: u64,
        /// What the file system says.
        source: Arc<io::Error>,
    },
    /// A record is longer than a record can be.
    #[error("a record of {bytes} bytes: the journal takes {max} at most")]
    TooLong {
        /// Its length.
        bytes: u64,
        /// The longest.
        max: u64,
    },
    /// A write or flush failed. What it was to keep may be kept or not; the journal takes nothing
    /// more until it is opened again.
    #[error("the journal could not be written and is to be opened again: {0}")]
    Failed(Arc<io::Error>),
    /// A file is in the folder that is not of this journal.
    #[error(
        "{} begins with record {first}, but records before {expected} are in the file in front of \
         it; it is of another journal, move it away",
        path.display()
    )]
    Overlap {
        /// The file.
        path: PathBuf,
        /// Its first record.
        first: u64,
        /// Where it should begin.
        expected: u64,
    },
    /// The file system's own, while opening.
    #[error("the journal cannot be read: {0}")]
    Read(Arc<io::Error>),
}

impl From<io::Error> for JournalError {
    fn from(error: io::Error) -> Self {
        Self::Read(Arc::new(error))
    }
}
