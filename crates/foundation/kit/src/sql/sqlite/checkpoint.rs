//! Moving the log's pages into the main file, and giving a shared main file back its own copy.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rusqlite::Connection;

use super::{Durability, SqlError, Sqlite, end_read, run_prepared};
use crate::clock;
use crate::disk::{self, File};
use crate::machine::{self, Mistake, Thread};

/// A log of this many pages (4 MB) is moved when the writer has nothing else to do...
const IDLE_PAGES: u64 = 1_000;
/// ... and of this many (32 MB) even when writes are waiting. A fork copies the log, so this
/// bounds what a fork costs; a higher bound makes each page's flush serve more commits.
const PRESSED_PAGES: u64 = 8_000;
/// A log of this many pages (64 MB) is moved while writes wait: beside them it was too slow.
const PAGES_MAX: u64 = 16_000;
/// What a pass beside the writes may leave (1 MB), since it is moved while they wait.
const REST_PAGES: u64 = 256;
/// Passes beside the writes at most. Each has only what was written during the one before.
const PASSES_MAX: u32 = 4;
/// How long nobody must have written for what a burst left in the log to be moved.
const REST: Duration = Duration::from_millis(100);

/// Whether a checkpoint waits for what it needs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Patience {
    None,
    Full,
}

/// The passes beside the writes. While its connection is locked nothing but its holder moves pages,
/// so a fork locks it too.
#[derive(Default)]
pub(super) struct Beside {
    connection: Mutex<Option<Connection>>,
    under_way: AtomicBool,
    /// Little is left for the pass that the writer waits for.
    ended: AtomicBool,
}

impl Beside {
    /// Blocks until the pass under way has ended; none begins until the guard is dropped.
    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Connection>> {
        machine::lock(&self.connection)
    }
}

/// Removes copies of the main file that a crash left unfinished: they would only take space.
pub(super) fn remove_unfinished_copies(main_file: &Path) {
    let Some((folder, stem)) = main_file.parent().zip(main_file.file_name()) else { return };
    let start = format!("{}.", stem.to_string_lossy());
    let Ok(entries) = disk::list(folder) else { return };
    for entry in entries {
        let name = entry.path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(&start) && name.ends_with(".own") {
            // What cannot be removed is tried again at the next start.
            let _ = disk::remove_file(&entry.path);
        }
    }
}

/// A main file being copied by a thread of its own.
pub(super) struct Copying {
    target: PathBuf,
    worker: Thread<io::Result<()>>,
}

impl Copying {
    fn start(source: &Path, durability: Durability) -> Self {
        // A name of its own: a copy that was given up may still be written to.
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // Of one width, so that copies are listed in the order in which they were made.
        let target = source.with_extension(format!("db.{number:012}.own"));
        let (from, to) = (source.to_owned(), target.clone());
        let worker = machine::thread(move || {
            disk::copy(&from, &to)?;
            match durability {
                Durability::Flush => File::open(&to)?.sync_all(),
                Durability::Buffered => Ok(()),
            }
        });
        Self { target, worker }
    }

    fn finish(self) -> io::Result<PathBuf> {
        let done = self.worker.join().unwrap_or_else(|| Err(io::Error::other("the copy failed")));
        if done.is_err() {
            // What is left of it would only take space.
            let _ = disk::remove_file(&self.target);
        }
        done.map(|()| self.target)
    }

    /// The sharing ended meanwhile, so the copy may already be old.
    fn discard(self) {
        machine::thread(move || self.finish().and_then(|copy| disk::remove_file(&copy)));
    }
}

/// Moves what no reader needs in the log any more and says how many pages of it are moved by now.
fn move_pages(connection: &Connection) -> rusqlite::Result<u64> {
    connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |row| {
        // -1: the log was never used.
        row.get::<_, i64>(2).map(|pages| u64::try_from(pages).unwrap_or(0))
    })
}

impl Sqlite {
    /// Begins to move a log that is due beside the writes, and moves the rest here, while they
    /// wait, once that is little. A failing checkpoint loses nothing, the log keeps the pages; it
    /// is tried after the next commit again.
    pub(super) fn checkpoint_when_due(
        self: &Arc<Self>,
        writer: &mut MutexGuard<'_, Option<Connection>>,
        pressed: bool,
    ) {
        let due = if pressed { PRESSED_PAGES } else { IDLE_PAGES };
        let pages = self.log_pages();
        if self.beside.ended.swap(false, Ordering::Relaxed) || pages >= PAGES_MAX {
            self.checkpoint_or_put_off(writer);
        } else if pages >= due && !self.beside.under_way.swap(true, Ordering::Relaxed) {
            let sqlite = Arc::clone(self);
            machine::blocking(move || sqlite.checkpoint_beside());
        }
    }

    fn checkpoint_or_put_off(&self, writer: &mut MutexGuard<'_, Option<Connection>>) {
        if let Err(error) = self.checkpoint(writer, Patience::None) {
            tracing::warn!(store = self.name(), %error, "checkpoint put off");
        }
    }

    fn checkpoint_beside(&self) {
        // What went wrong here goes wrong in the last pass too, which reports it.
        let _ = self.move_most();
        match self.writer.try_lock() {
            Some(mut writer) => self.checkpoint_or_put_off(&mut writer),
            None => self.beside.ended.store(true, Ordering::Relaxed),
        }
        self.beside.under_way.store(false, Ordering::Relaxed);
    }

    /// Moves pages on a connection of its own until few are left. A shared main file is left to
    /// the pass that gives it a copy of its own first.
    fn move_most(&self) -> Result<(), SqlError> {
        let mut guard = self.beside.lock();
        self.refuse_if_replaced()?;
        if self.is_shared()? {
            return Ok(());
        }
        self.flush_name()?;
        let connection = match guard.take() {
            Some(connection) => guard.insert(connection),
            None => guard.insert(self.connect_checkpointer()?),
        };
        let mut left = u64::MAX;
        for _ in 0..PASSES_MAX {
            let moved = move_pages(connection)
                .map_err(|error| SqlError::from_sqlite(&self.name(), &error))?;
            let before = std::mem::replace(&mut left, self.log_pages().saturating_sub(moved));
            // A reader of an old state keeps pages from being moved: no use in trying again.
            if left <= REST_PAGES || left >= before {
                break;
            }
        }
        Ok(())
    }

    /// After a burst: moves what it left in the log as soon as nobody has written for a moment, so
    /// that a fork of a database at rest copies little.
    pub(super) fn checkpoint_later(self: &Arc<Self>) {
        if self.log_pages() < IDLE_PAGES || self.resting.swap(true, Ordering::Relaxed) {
            return;
        }
        let sqlite = Arc::clone(self);
        machine::spawn(async move {
            clock::pause(REST).await;
            sqlite.resting.store(false, Ordering::Relaxed);
            if sqlite.is_writing() {
                return;
            }
            let work = move || sqlite.checkpoint_if_worth_it();
            // A checkpoint that cannot be made now is made after the next commit.
            let _ = machine::blocking(work).await;
        });
    }

    fn checkpoint_if_worth_it(&self) {
        let mut writer = machine::lock(&self.writer);
        if self.log_pages() >= IDLE_PAGES {
            self.checkpoint_or_put_off(&mut writer);
        }
    }

    /// Moves the whole log into the main file and empties it, so that the main file is all there
    /// is. Blocks; other writes wait.
    ///
    /// # Errors
    /// [`SqlError::Full`] or [`SqlError::Io`]; the database is as it was.
    pub fn settle(&self) -> Result<(), SqlError> {
        let mut writer = machine::lock(&self.writer);
        self.checkpoint(&mut writer, Patience::Full)
    }

    fn checkpoint(
        &self,
        writer: &mut MutexGuard<'_, Option<Connection>>,
        patience: Patience,
    ) -> Result<(), SqlError> {
        let mut beside = self.beside.lock();
        self.refuse_if_replaced()?;
        if self.is_shared()? {
            match self.own_copy(patience)? {
                Some(copy) => {
                    *beside = None;
                    self.swap(writer, &copy)?;
                }
                None => return Ok(()),
            }
        } else {
            machine::lock(&self.copying).take().into_iter().for_each(Copying::discard);
        }
        self.flush_name()?;
        move_pages(self.connected(writer)?)
            .map(drop)
            .map_err(|error| SqlError::from_sqlite(&self.name(), &error))
    }

    fn is_shared(&self) -> Result<bool, SqlError> {
        let file =
            disk::metadata(&self.path).map_err(|error| SqlError::from_io(&self.path, &error))?;
        Ok(file.links > 1 && !machine::makes(Mistake::CheckpointIntoSharedFile))
    }

    /// A copy of the shared main file, made beside the writes: the file cannot change while it is
    /// shared. None while it is being made, unless the caller is willing to wait.
    fn own_copy(&self, patience: Patience) -> Result<Option<PathBuf>, SqlError> {
        let mut copying = machine::lock(&self.copying);
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
        let readers = machine::write_lock(&self.readers);
        if !machine::makes(Mistake::KeepReadersPastSwap) {
            readers.lock().clear();
        }
        **writer = None;
        // Looked up first: nothing may fail between the new name and what is known of it.
        let inode = super::inode_of(copy)?;
        disk::rename(copy, &self.path).map_err(refused)?;
        self.name_is_flushed.store(false, Ordering::Relaxed);
        self.inode.store(inode, Ordering::Relaxed);
        self.flush_name()?;
        self.connected(writer).map(drop)
    }

    /// No page may go into a main file whose name a power loss could take away. When this fails
    /// after a swap, every later checkpoint begins with it.
    fn flush_name(&self) -> Result<(), SqlError> {
        if self.name_is_flushed.load(Ordering::Relaxed) {
            return Ok(());
        }
        if let Some(folder) = self.path.parent() {
            disk::flush_folder(folder).map_err(|error| SqlError::from_io(&self.path, &error))?;
        }
        self.name_is_flushed.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Whether the structure of every page is sound: SQLite's own full check.
    ///
    /// # Errors
    /// [`SqlError::Corrupt`] with what was found.
    pub fn check(&self) -> Result<(), SqlError> {
        let mut writer = machine::lock(&self.writer);
        let connection = self.connected(&mut writer)?;
        run_prepared(connection, "BEGIN", &self.name())?;
        let verdict =
            connection.query_row("PRAGMA integrity_check(1)", (), |row| row.get::<_, String>(0));
        end_read(connection, &self.name())?;
        match verdict {
            Ok(verdict) if verdict == "ok" => Ok(()),
            // An operator's line is one line; SQLite's has one for the file and one for the page.
            Ok(verdict) => Err(SqlError::Corrupt(self.name(), verdict.replace('\n', " "))),
            Err(error) => Err(SqlError::from_sqlite(&self.name(), &error)),
        }
    }
}
