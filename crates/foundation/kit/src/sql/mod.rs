//! SQL, embedded or served, behind one handle.
//!
//! Work is a closure that may run more than once, so a service reads from top to bottom and is
//! right on both engines:
//!
//! ```
//! # use kit::sql::{Db, Durability, Migration, OpenOptions, SqlError};
//! # const STEPS: &[Migration] = &[Migration {
//! #     number: 1, name: "first", sql: "CREATE TABLE note (id BIGINT PRIMARY KEY, text TEXT)" }];
//! # let dir = tempfile::tempdir().unwrap();
//! # tokio::runtime::Runtime::new().unwrap().block_on(async {
//! # let options = OpenOptions {
//! #     path: dir.path().join("note.db"), migrations: STEPS, durability: Durability::Flush };
//! # let db = Db::open_sqlite(&options).unwrap();
//! db.write(|tx| tx.execute("INSERT INTO note VALUES (?1, ?2)", &[1.into(), "hello".into()]))
//!     .await?;
//! let text: Option<String> = db
//!     .read(|tx| tx.find("SELECT text FROM note WHERE id = ?1", &[1.into()], |row| row.get(0)))
//!     .await?;
//! assert_eq!(text.as_deref(), Some("hello"));
//! # Ok::<(), SqlError>(()) }).unwrap();
//! ```
//!
//! On SQLite ([`sqlite`]) one writer at a time runs many closures in savepoints under one commit,
//! so one flush acknowledges them all. On PostgreSQL ([`postgres`]) each closure is one
//! `SERIALIZABLE` transaction, repeated when it collides with another.
//!
//! Knows nothing of what is stored. Offers no query builder: the portable dialect is plain text.

pub mod bell;
mod error;
mod migrate;
pub mod outbox;
mod postgres;
pub mod schemas;
mod server;
pub mod sqlite;
mod tx;
mod value;

use std::path::PathBuf;
use std::sync::Arc;

pub use error::SqlError;
pub use migrate::Migration;
pub use tx::Tx;
pub use value::{Column, Row, Value};

/// Whether an acknowledged write has reached the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Flushed before it is acknowledged: survives `kill -9` and power loss.
    Flush,
    /// Left to the operating system: survives `kill -9`, not power loss. For throw-away data.
    Buffered,
}

/// What a database is opened with.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// The main file; its log lies beside it with `-wal` appended.
    pub path: PathBuf,
    /// The schema, see [`Migration`].
    pub migrations: &'static [Migration],
    /// When a commit counts.
    pub durability: Durability,
}

/// A handle on one database, cheap to clone.
#[derive(Clone)]
pub struct Db(Engine);

#[derive(Clone)]
enum Engine {
    Sqlite(Arc<sqlite::Sqlite>),
    Postgres(Arc<postgres::Postgres>),
}

impl Db {
    /// Opens the SQLite database at `options.path`, creating it from a ready-made image when it
    /// is not there. Blocks for as long as the disk does: about half a millisecond.
    ///
    /// # Errors
    /// [`SqlError::Corrupt`], [`SqlError::Newer`], [`SqlError::ReadOnly`] or [`SqlError::Io`].
    pub fn open_sqlite(options: &OpenOptions) -> Result<Self, SqlError> {
        sqlite::Sqlite::open(options).map(|store| Self(Engine::Sqlite(Arc::new(store))))
    }

    /// Connects to a PostgreSQL server (or its kin) and keeps all tables in `schema`. Blocks; call
    /// it from a thread that may.
    ///
    /// # Errors
    /// [`SqlError::Unavailable`], [`SqlError::Newer`], or [`SqlError::BadUrl`].
    pub fn open_postgres(
        url: &str,
        schema: String,
        migrations: &'static [Migration],
    ) -> Result<Self, SqlError> {
        postgres::Postgres::open(url, schema, migrations)
            .map(|store| Self(Engine::Postgres(Arc::new(store))))
    }

    /// Runs `work` in a transaction that may change rows, and returns once it is durable. `Err`
    /// undoes what it did. It may run more than once, so it must have no other effect.
    ///
    /// # Errors
    /// What `work` returns, or the store's own [`SqlError`].
    pub async fn write<T, E>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<SqlError> + Send + 'static,
    {
        match &self.0 {
            Engine::Sqlite(store) => store.write(work).await,
            Engine::Postgres(store) => store.run(work, true).await,
        }
    }

    /// Runs `work` on one consistent view of the committed rows.
    ///
    /// # Errors
    /// What `work` returns, or the store's own [`SqlError`].
    pub async fn read<T, E>(
        &self,
        work: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<SqlError> + Send + 'static,
    {
        match &self.0 {
            Engine::Sqlite(store) => store.read(work).await,
            Engine::Postgres(store) => store.run(work, false).await,
        }
    }

    /// A place to wait for [`bell::ring`] on this database, in whatever process; none on the
    /// embedded store, which no other process has open.
    pub fn bell(&self) -> Option<bell::Bell> {
        match &self.0 {
            Engine::Sqlite(_) => None,
            Engine::Postgres(store) => Some(store.bell()),
        }
    }

    /// Ends the use of this handle and its clones, once no transaction of theirs is under way: the
    /// schema is about to become another's. The embedded store's files need no such care.
    pub(crate) async fn retire(&self) {
        if let Engine::Postgres(store) = &self.0 {
            store.retire().await;
        }
    }

    /// The embedded store, for those who fork or back it up; none when the rows are elsewhere.
    pub fn embedded(&self) -> Option<Arc<sqlite::Sqlite>> {
        match &self.0 {
            Engine::Sqlite(store) => Some(Arc::clone(store)),
            Engine::Postgres(_) => None,
        }
    }
}
