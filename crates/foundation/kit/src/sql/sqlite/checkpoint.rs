//! Moving the log's pages into the main file, and giving a shared main file back its own copy.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::MutexGuard;
use rusqlite::Connection;

use super::{Durability, SqlError, Sqlite, run_prepared};

/// A log of this many pages (4 MB) is moved when the writer has nothing else to do...
const IDLE_PAGES: u64 = 1_000;
/// ... and of this many (32 MB) even when writes are waiting. A fork copies the log, so this
/// bounds what a fork costs; a higher bound makes each page's flush serve more commits.
const PRESSED_PAGES: u64 = 8_000;
/// How long nobody must have written for what a burst left in the log to be moved.
const REST: Duration = Duration::from_millis(100);

/// Whether a checkpoint waits for what it needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    None,
    Full,
}

/// Removes copies of the main file that a crash left unfinished: they would only take space.
pub(super) fn remove_unfinished_copies(main_file: &Path) {
    let Some((folder, stem)) = main_file.parent().zip(main_file.file_name()) else { return };
    let start = format!("{}.", stem.to_string_lossy());
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(&start) && name.ends_with(".own") {
            // What cannot be removed is tried again at the next start.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// A main file being copied by a thread of its own.
pub(super) struct Copying {
    target: PathBuf,
    worker: JoinHandle<io::Result<()>>,
}

impl Copying {
    fn start(source: &Path, durability: Durability) -> Self {
        // A name of its own: a copy that was given up may still be written to.
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let target = source.with_extension(format!("db.{number}.own"));
        let (from, to) = (source.to_owned(), target.clone());
        let worker = std::thread::spawn(move || {
            fs::copy(from, &to)?;
            match durability {
                Durability::Flush => File::open(&to)?.sync_all(),
                Durability::Buffered => Ok(()),
            }
        });
        Self { target, worker }
    }

    fn finish(self) -> io::Result<PathBuf> {
        let done = self.worker.join().unwrap_or_else(|_| Err(io::Error::other("the copy failed")));
        if done.is_err() {
            // What is left of it would only take space.
            let _ = fs::remove_file(&self.target);
        }
        done.map(|()| self.target)
    }

    /// The sharing ended meanwhile, so the copy may already be old.
    fn discard(self) {
        std::thread::spawn(move || self.finish().and_then(fs::remove_file));
    }
}

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
        if let Err(error) = self.checkpoint(writer, Patience::None) {
            tracing::warn!(store = self.name(), %error, "checkpoint put off");
        }
    }

    /// After a burst: moves what it left in the log as soon as nobody has written for a moment, so
    /// that a fork of a database at rest copies little.
    pub(super) fn checkpoint_later(self: &Arc<Self>) {
        if self.log_pages() < IDLE_PAGES || self.resting.swap(true, Ordering::Relaxed) {
            return;
        }
        let sqlite = Arc::clone(self);
        tokio::runtime::Handle::current().spawn(async move {
            tokio::time::sleep(REST).await;
            sqlite.resting.store(false, Ordering::Relaxed);
            if sqlite.is_writing() {
                return;
            }
            let work = move || sqlite.checkpoint_when_due(&mut sqlite.writer.lock(), false);
            // A checkpoint that cannot be made now is made after the next commit.
            let _ = tokio::task::spawn_blocking(work).await;
        });
    }

    /// Moves the whole log into the main file and empties it, so that the main file is all there
    /// is. Blocks; other writes wait.
    ///
    /// # Errors
    /// [`SqlError::Full`] or [`SqlError::Io`]; the database is as it was.
    pub fn settle(&self) -> Result<(), SqlError> {
        let mut writer = self.writer.lock();
        self.checkpoint(&mut writer, Patience::Full)
    }

    fn checkpoint(
        &self,
        writer: &mut MutexGuard<'_, Option<Connection>>,
        patience: Patience,
    ) -> Result<(), SqlError> {
        self.refuse_if_replaced()?;
        if self.is_shared()? {
            match self.own_copy(patience)? {
                Some(copy) => self.swap(writer, &copy)?,
                None => return Ok(()),
            }
        } else {
            self.copying.lock().take().into_iter().for_each(Copying::discard);
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

    /// A copy of the shared main file, made beside the writes: the file cannot change while it is
    /// shared. None while it is being made, unless the caller is willing to wait.
    fn own_copy(&self, patience: Patience) -> Result<Option<PathBuf>, SqlError> {
        let mut copying = self.copying.lock();
        let current = match copying.take() {
            Some(current) => current,
            None => Copying::start(&self.path, self.durability),
        };
        if patience == Patience::None && !current.worker.is_finished() {
            *copying = Some(current);
            return Ok(None);
        }
        let refused = |error: std::io::Error| SqlError::from_io(&self.path, &error);
        current.finish().map(Some).map_err(refused)
    }

    /// Puts the copy in the place of the main file. The log stays: its frames name pages, not
    /// files. No connection may keep the old file open past the swap, for it would miss what later
    /// checkpoints bring.
    fn swap(
        &self,
        writer: &mut MutexGuard<'_, Option<Connection>>,
        copy: &Path,
    ) -> Result<(), SqlError> {
        let refused = |error: std::io::Error| SqlError::from_io(&self.path, &error);
        let readers = self.readers.write();
        readers.lock().clear();
        **writer = None;
        fs::rename(copy, &self.path).map_err(refused)?;
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
