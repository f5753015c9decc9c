//! Moving the log's pages into the main file, and giving a shared main file back its own copy.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::Ordering;

use parking_lot::MutexGuard;
use rusqlite::Connection;

use super::{Durability, SqlError, Sqlite, run_prepared};

/// A log of this many pages (4 MB) is moved when the writer has nothing else to do...
const IDLE_PAGES: u64 = 1_000;
/// ... and of this many (32 MB) even when writes are waiting. A fork copies the log, so this
/// bounds what a fork costs; a higher bound makes each page's flush serve more commits.
const PRESSED_PAGES: u64 = 8_000;

impl Sqlite {
    /// A failing checkpoint loses nothing, the log keeps the pages; it is tried after the next
    /// commit again.
    pub(super) fn checkpoint_when_due(
        &self,
        writer: &mut MutexGuard<'_, Option<Connection>>,
        pressed: bool,
    ) {
        let due = if pressed { PRESSED_PAGES } else { IDLE_PAGES };
        if self.log_pages() < due {
            return;
        }
        if let Err(error) = self.checkpoint(writer) {
            tracing::warn!(store = self.name(), %error, "checkpoint put off");
        }
    }

    /// Moves the whole log into the main file and empties it, so that the main file is all there
    /// is. Blocks; other writes wait.
    ///
    /// # Errors
    /// [`SqlError::Full`] or [`SqlError::Io`]; the database is as it was.
    pub fn settle(&self) -> Result<(), SqlError> {
        let mut writer = self.writer.lock();
        self.checkpoint(&mut writer)
    }

    fn checkpoint(&self, writer: &mut MutexGuard<'_, Option<Connection>>) -> Result<(), SqlError> {
        self.refuse_if_replaced()?;
        if self.is_shared()? {
            self.unshare(writer)?;
        }
        match writer.as_ref() {
            Some(connection) => {
                let sql = "PRAGMA wal_checkpoint(PASSIVE)";
                connection
                    .query_row(sql, (), |_| Ok(()))
                    .map_err(|error| SqlError::from_sqlite(&self.name(), &error))
            }
            None => Ok(()),
        }
    }

    fn is_shared(&self) -> Result<bool, SqlError> {
        let file =
            fs::metadata(&self.path).map_err(|error| SqlError::from_io(&self.path, &error))?;
        Ok(file.nlink() > 1)
    }

    /// Replaces the main file by a copy under the same name. The log stays: its frames name pages,
    /// not files. No connection may keep the old file open past the swap, for it would miss what
    /// later checkpoints bring.
    fn unshare(&self, writer: &mut MutexGuard<'_, Option<Connection>>) -> Result<(), SqlError> {
        let refused = |error: std::io::Error| SqlError::from_io(&self.path, &error);
        let own = self.path.with_extension("db.own");
        fs::copy(&self.path, &own).map_err(refused)?;
        if self.durability == Durability::Flush {
            File::open(&own).and_then(|file| file.sync_all()).map_err(refused)?;
        }
        let readers = self.readers.write();
        readers.lock().clear();
        **writer = None;
        fs::rename(&own, &self.path).map_err(refused)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(refused)?;
        }
        self.inode.store(super::inode_of(&self.path)?, Ordering::Relaxed);
        **writer = Some(self.connect_writer()?);
        Ok(())
    }

    /// Whether the structure of every page is sound: SQLite's own full check.
    ///
    /// # Errors
    /// [`SqlError::Corrupt`] with what was found.
    pub fn check(&self) -> Result<(), SqlError> {
        let writer = self.writer.lock();
        let Some(connection) = writer.as_ref() else {
            return Err(SqlError::Unavailable(self.name()));
        };
        run_prepared(connection, "BEGIN", &self.name())?;
        let verdict =
            connection.query_row("PRAGMA integrity_check(1)", (), |row| row.get::<_, String>(0));
        run_prepared(connection, "COMMIT", &self.name())?;
        match verdict {
            Ok(verdict) if verdict == "ok" => Ok(()),
            // An operator's line is one line; SQLite's has one for the file and one for the page.
            Ok(verdict) => Err(SqlError::Corrupt(self.name(), verdict.replace('\n', " "))),
            Err(error) => Err(SqlError::from_sqlite(&self.name(), &error)),
        }
    }
}
