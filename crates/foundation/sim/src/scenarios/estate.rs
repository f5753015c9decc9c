//! A system with two stores: its database, and a file of its own that a snapshot knows of through
//! [`kit::files`].
//!
//! An entry goes into the database first and into the file once that is acknowledged, so at every
//! instant the database has what the file has.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use kit::disk::{self, File};
use kit::files::{Files, Hold, Part, Store};
use kit::invariant::{NOTHING_MADE_UP, SNAPSHOT_IS_ONE_INSTANT, Violation};
use kit::sql::{Db, Migration, SqlError};
use kit::system::{Ctx, OpenError, System};
use parking_lot::{Mutex, MutexGuard};

/// A record of the file: a transaction, and the same again with all bits turned.
const RECORD_BYTES: usize = 16;

/// The system.
pub(super) struct Estate;

/// What is opened of it.
pub(super) struct Stores {
    db: Db,
    journal: Arc<Journal>,
}

/// What is found in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) rows: BTreeSet<u64>,
    pub(super) records: BTreeSet<u64>,
}

impl Found {
    /// Whether both stores are of one instant.
    ///
    /// # Errors
    /// What the file has and the database lacks.
    pub(super) fn is_one_instant(&self) -> Result<(), Violation> {
        let lacking = self.records.difference(&self.rows).next();
        SNAPSHOT_IS_ONE_INSTANT.unless(lacking.is_none(), || {
            format!("the file has transaction {lacking:?}, the database has not")
        })
    }
}

impl System for Estate {
    const NAME: &'static str = "estate";
    const MIGRATIONS: &'static [Migration] = &[Migration {
        number: 1,
        name: "estate",
        sql: "CREATE TABLE held (txn BIGINT PRIMARY KEY, body BLOB NOT NULL)",
    }];
    type Instance = Stores;

    fn open(&self, ctx: Ctx) -> Result<Arc<Stores>, OpenError> {
        let path = ctx.dir.join("estate.tail");
        let journal = Journal::open(path, &ctx.files).map_err(|error| OpenError {
            system: Self::NAME,
            setting: "data.dir".to_owned(),
            what: error.to_string(),
        })?;
        Ok(Arc::new(Stores { db: ctx.sql, journal }))
    }
}

impl Stores {
    /// Writes `txn` to both stores and returns once it is acknowledged.
    pub(super) async fn write(&self, txn: u64) -> Result<(), SqlError> {
        let insert = "INSERT INTO held (txn, body) VALUES (?1, ?2)";
        let (number, body) = (i64::try_from(txn).unwrap_or(i64::MAX), vec![txn as u8; 600]);
        let write = move |tx: &mut kit::sql::Tx<'_>| {
            tx.execute(insert, &[number.into(), body.as_slice().into()]).map(drop)
        };
        self.db.write::<_, SqlError>(write).await?;
        let journal = Arc::clone(&self.journal);
        let appended = kit::machine::blocking(move || journal.append(txn)).await;
        let appended = appended.unwrap_or_else(|unfinished| Err(io::Error::other(unfinished)));
        appended.map_err(|error| SqlError::from_io(&self.journal.path, &error))
    }

    /// All that is there.
    pub(super) async fn read(&self) -> Result<Result<Found, Violation>, SqlError> {
        let rows = self
            .db
            .read(|tx| tx.query("SELECT txn FROM held ORDER BY txn", &[], |row| row.get::<i64>(0)));
        let rows = rows.await?.into_iter().map(i64::unsigned_abs).collect();
        let journal = Arc::clone(&self.journal);
        let records = kit::machine::blocking(move || journal.read()).await;
        let records = records.unwrap_or_else(|unfinished| Err(io::Error::other(unfinished)));
        let records = records.map_err(|error| SqlError::from_io(&self.journal.path, &error))?;
        Ok(records.map(|records| Found { rows, records }))
    }
}

/// A file of records, written one after the other. Whole ones from the start count.
struct Journal {
    path: PathBuf,
    tail: Mutex<Tail>,
}

struct Tail {
    file: File,
    /// Acknowledged. The next record is written here, over one whose flush failed.
    bytes: u64,
}

impl Journal {
    fn open(path: PathBuf, files: &Files) -> io::Result<Arc<Self>> {
        if !disk::exists(&path) {
            File::create(&path)?.sync_all()?;
            if let Some(folder) = path.parent() {
                kit::files::flush_folder(folder)?;
            }
        }
        let file = File::open_to_write(&path)?;
        let held = file.len()?;
        let mut bytes = vec![0; usize::try_from(held).unwrap_or(0)];
        file.read_exact_at(&mut bytes, 0)?;
        bytes.truncate(records_of(&bytes).count() * RECORD_BYTES);
        // A page whose flush failed counts as clean: only what is written again becomes durable.
        file.write_all_at(&bytes, 0)?;
        file.sync_all()?;
        let tail = Mutex::new(Tail { file, bytes: bytes.len() as u64 });
        let journal = Arc::new(Self { path, tail });
        files.register(&(Arc::clone(&journal) as Arc<dyn Store>));
        Ok(journal)
    }

    fn append(&self, txn: u64) -> io::Result<()> {
        let mut tail = kit::machine::lock(&self.tail);
        let mut record = [0; RECORD_BYTES];
        record[..8].copy_from_slice(&txn.to_be_bytes());
        record[8..].copy_from_slice(&(!txn).to_be_bytes());
        tail.file.write_all_at(&record, tail.bytes)?;
        tail.file.sync_all()?;
        tail.bytes += RECORD_BYTES as u64;
        Ok(())
    }

    fn read(&self) -> io::Result<Result<BTreeSet<u64>, Violation>> {
        let tail = kit::machine::lock(&self.tail);
        let mut bytes = vec![0; usize::try_from(tail.bytes).unwrap_or(0)];
        tail.file.read_exact_at(&mut bytes, 0)?;
        let records: BTreeSet<u64> = records_of(&bytes).collect();
        let is_whole = records.len() * RECORD_BYTES == bytes.len();
        let verdict = NOTHING_MADE_UP.unless(is_whole, || "a record is twice or torn".to_owned());
        Ok(verdict.map(|()| records))
    }
}

fn records_of(bytes: &[u8]) -> impl Iterator<Item = u64> {
    let number = |half: &[u8]| half.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    let records = bytes.chunks_exact(RECORD_BYTES);
    let records = records.map(move |record| (number(&record[..8]), number(&record[8..])));
    records.take_while(|(txn, check)| *txn == !*check).map(|(txn, _)| txn)
}

impl Store for Journal {
    fn hold(&self) -> Box<dyn Hold + '_> {
        Box::new(Held { path: self.path.clone(), tail: kit::machine::lock(&self.tail) })
    }
}

struct Held<'j> {
    path: PathBuf,
    tail: MutexGuard<'j, Tail>,
}

impl Hold for Held<'_> {
    fn parts(&self) -> Vec<(PathBuf, Part)> {
        vec![(self.path.clone(), Part::Tail { bytes: self.tail.bytes })]
    }
}
