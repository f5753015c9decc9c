//! One SQLite database: a writer, a few readers, and a main file that forks can share.
//!
//! Invariants:
//! - The main file changes only in a checkpoint, and a checkpoint runs only while no other name
//!   links to it. So a hard link of it, with a copy of the log, is a fork ([`Sqlite::hold`]).
//! - At most one thread writes at a time, and only while there is something to write. An idle
//!   database has no thread of its own.

mod checkpoint;
mod image;
mod log;
mod torn;
mod vfs;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard, RwLock};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use super::{Durability, OpenOptions, SqlError, Tx, migrate};
use crate::disk;
use crate::machine::{self, Mistake};
use writer::Queue;

/// Connections that read at once; a further read waits for one of them.
const READERS_MAX: usize = 4;
/// Pages that the writer keeps at most, in KiB: its random insertions into an index read first.
const WRITER_CACHE_KIB: u32 = 32 << 10;
/// Pages that each reader keeps at most, in KiB.
const READER_CACHE_KIB: u32 = 4 << 10;
/// Statements kept prepared by each connection.
const STATEMENTS_MAX: usize = 128;

/// An open database.
pub struct Sqlite {
    path: PathBuf,
    durability: Durability,
    queue: Queue,
    /// None between the two halves of a swap of the main file, and after one that failed.
    writer: Mutex<Option<Connection>>,
    /// Read-locked for the length of a read, so that a swap of the main file can wait for all.
    readers: RwLock<Mutex<Vec<Connection>>>,
    reader_permits: Semaphore,
    wal_pages: Arc<AtomicU64>,
    beside: checkpoint::Beside,
    /// Whether a checkpoint waits for a moment of rest.
    resting: AtomicBool,
    /// Under way after a fork, until the main file is this database's own again.
    copying: Mutex<Option<checkpoint::Copying>>,
    /// False after a swap until the folder was flushed.
    name_is_flushed: AtomicBool,
    /// The main file this was opened on. Another one under its name belongs to the namespace's
    /// next life.
    inode: AtomicU64,
}

impl Sqlite {
    pub(super) fn open(options: &OpenOptions) -> Result<Self, SqlError> {
        let store = options.path.display().to_string();
        vfs::register().map_err(|what| SqlError::Invalid(what.to_owned()))?;
        image::create_if_absent(options)?;
        checkpoint::remove_unfinished_copies(&options.path);
        if options.durability == Durability::Flush && !machine::makes(Mistake::TrustLog) {
            log::make_durable(&options.path)
                .map_err(|error| SqlError::from_io(&options.path, &error))?;
        }
        let sqlite = Self {
            path: options.path.clone(),
            durability: options.durability,
            queue: Queue::default(),
            writer: Mutex::new(None),
            readers: RwLock::default(),
            reader_permits: Semaphore::new(READERS_MAX),
            wal_pages: Arc::new(AtomicU64::new(0)),
            beside: checkpoint::Beside::default(),
            resting: AtomicBool::new(false),
            copying: Mutex::new(None),
            name_is_flushed: AtomicBool::new(true),
            inode: AtomicU64::new(inode_of(&options.path)?),
        };
        let unreadable = |error: SqlError| error.while_opening(&store);
        let writer = sqlite.connect_writer().map_err(unreadable)?;
        torn::refuse_if_torn(&writer, &options.path).map_err(unreadable)?;
        migrate_if_needed(&writer, &store, options)?;
        *sqlite.writer.lock() = Some(writer);
        Ok(sqlite)
    }

    /// The main file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(super) async fn read<T, E>(
        self: &Arc<Self>,
        mut work: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<SqlError> + Send + 'static,
    {
        let permit = self.reader_permits.acquire().await;
        let sqlite = Arc::clone(self);
        let answer = machine::blocking(move || sqlite.read_now(&mut work)).await;
        drop(permit);
        answer.unwrap_or_else(|panic| Err(SqlError::Invalid(panic.to_string()).into()))
    }

    fn read_now<T, E: From<SqlError>>(
        &self,
        work: &mut impl FnMut(&mut Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let pool = machine::read_lock(&self.readers);
        let idle = pool.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect(OpenFlags::SQLITE_OPEN_READ_ONLY, READER_CACHE_KIB)?,
        };
        let store = self.name();
        run_prepared(&connection, "BEGIN", &store)?;
        let answer = work(&mut Tx::sqlite(&connection, &store));
        end_read(&connection, &store)?;
        pool.lock().push(connection);
        answer
    }

    /// Holds all writes and checkpoints until the guard is dropped: the barrier of a fork or
    /// backup. Blocks until the commit and the pass under way have ended.
    pub fn hold(&self) -> Held<'_> {
        // In the order in which a checkpoint takes them.
        let writer = machine::lock(&self.writer);
        let beside = (!machine::makes(Mistake::ForkBesideCheckpoint)).then(|| self.beside.lock());
        Held { sqlite: self, _writer: writer, _beside: beside }
    }

    fn connect_checkpointer(&self) -> Result<Connection, SqlError> {
        // A checkpoint copies pages past the cache.
        self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE, 0)
    }

    fn connect_writer(&self) -> Result<Connection, SqlError> {
        let mut connection = self.connect(OpenFlags::SQLITE_OPEN_READ_WRITE, WRITER_CACHE_KIB)?;
        let wal_pages = Arc::clone(&self.wal_pages);
        connection
            .wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages: i32| {
                wal_pages.store(pages.unsigned_abs().into(), Ordering::Relaxed);
                Ok(())
            }))
            .map_err(|error| SqlError::from_sqlite(&self.name(), &error))?;
        Ok(connection)
    }

    /// The connection that writes; made again when a fault took it.
    fn connected<'w>(
        &self,
        writer: &'w mut MutexGuard<'_, Option<Connection>>,
    ) -> Result<&'w Connection, SqlError> {
        let connection = match writer.take() {
            Some(connection) => connection,
            None => self.connect_writer()?,
        };
        Ok(writer.insert(connection))
    }

    fn connect(&self, access: OpenFlags, cache_kib: u32) -> Result<Connection, SqlError> {
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let synchronous = match self.durability {
            Durability::Flush => "FULL",
            Durability::Buffered => "OFF",
        };
        let open = || {
            let connection = Connection::open_with_flags_and_vfs(&self.path, flags, vfs::NAME)?;
            connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
            connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
            connection.execute_batch(&format!(
                "PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = 0;
                 PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;
                 PRAGMA cache_size = -{cache_kib}"
            ))?;
            Ok(connection)
        };
        let connection = open().map_err(|error| SqlError::from_sqlite(&self.name(), &error))?;
        self.refuse_if_replaced()?;
        Ok(connection)
    }

    fn refuse_if_replaced(&self) -> Result<(), SqlError> {
        if inode_of(&self.path)? == self.inode.load(Ordering::Relaxed) {
            Ok(())
        } else {
            Err(SqlError::Unavailable("the namespace was reset or dropped meanwhile".to_owned()))
        }
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }
}

/// All writes and checkpoints stand still while this lives.
pub struct Held<'s> {
    sqlite: &'s Sqlite,
    _writer: MutexGuard<'s, Option<Connection>>,
    _beside: Option<MutexGuard<'s, Option<Connection>>>,
}

impl Held<'_> {
    /// The main file: link it, never copy it.
    pub fn main_file(&self) -> &Path {
        &self.sqlite.path
    }

    /// The log, and how many bytes of it, from its start, are in use.
    pub fn log(&self) -> (PathBuf, u64) {
        const HEADER_BYTES: u64 = 32;
        const FRAME_BYTES: u64 = 24 + image::PAGE_BYTES;
        let log = wal_path(&self.sqlite.path);
        match self.sqlite.wal_pages.load(Ordering::Relaxed) {
            // Nothing was committed since this process opened it: what is there is from before.
            0 => {
                let bytes = disk::metadata(&log).map_or(0, |file| file.bytes);
                (log, bytes)
            }
            pages if machine::makes(Mistake::ForkWithoutLastPage) => {
                (log, HEADER_BYTES + (pages - 1) * FRAME_BYTES)
            }
            pages => (log, HEADER_BYTES + pages * FRAME_BYTES),
        }
    }
}

fn wal_path(main_file: &Path) -> PathBuf {
    let mut path = main_file.as_os_str().to_owned();
    path.push("-wal");
    PathBuf::from(path)
}

fn inode_of(path: &Path) -> Result<u64, SqlError> {
    disk::metadata(path).map(|file| file.inode).map_err(|error| SqlError::from_io(path, &error))
}

fn run_prepared(connection: &Connection, sql: &'static str, store: &str) -> Result<(), SqlError> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.execute(()))
        .map(drop)
        .map_err(|error| SqlError::from_sqlite(store, &error))
}

/// A failing disk ends a transaction by itself, and what it was told of is the answer.
fn end_read(connection: &Connection, store: &str) -> Result<(), SqlError> {
    if connection.is_autocommit() { Ok(()) } else { run_prepared(connection, "COMMIT", store) }
}

fn migrate_if_needed(
    connection: &Connection,
    store: &str,
    options: &OpenOptions,
) -> Result<(), SqlError> {
    run_prepared(connection, "BEGIN IMMEDIATE", store)?;
    let migrated = migrate::migrate(&mut Tx::sqlite(connection, store), store, options.migrations);
    run_prepared(connection, if migrated.is_ok() { "COMMIT" } else { "ROLLBACK" }, store)?;
    migrated
}
