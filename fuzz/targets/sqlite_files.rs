//! `sql::Db`: whatever lies on the disk under a database's name, it is opened or refused.
//!
//! Two bytes cut the main file of a sound database short, two by two others are changed up to a
//! zero, and the rest is the log.

#![no_main]

use std::fs;
use std::sync::LazyLock;

use kit::sql::{Db, Durability, Migration, OpenOptions};
use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;

const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "notes",
    sql: "CREATE TABLE note (id BIGINT PRIMARY KEY, text TEXT)",
}];

static FOLDER: LazyLock<TempDir> =
    LazyLock::new(|| tempfile::tempdir().unwrap_or_else(|error| panic!("{error}")));
static SOUND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let options = options("sound.db");
    drop(Db::open_sqlite(&options).unwrap_or_else(|error| panic!("{error}")));
    fs::read(&options.path).unwrap_or_else(|error| panic!("{error}"))
});

fn options(name: &str) -> OpenOptions {
    let path = FOLDER.path().join(name);
    OpenOptions { path, migrations: MIGRATIONS, durability: Durability::Buffered }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((cut, mut rest)) = bytes.split_first_chunk::<2>() else { return };
    let mut main = SOUND.clone();
    while let Some((&[at, value], after)) = rest.split_first_chunk::<2>() {
        rest = after;
        if at == 0 {
            break;
        }
        main[usize::from(at)] = value;
    }
    main.truncate(main.len().saturating_sub(usize::from(u16::from_be_bytes(*cut))));
    let options = options("hostile.db");
    let log = options.path.with_extension("db-wal");
    let written = fs::write(&options.path, main).and_then(|()| fs::write(&log, rest));
    written.unwrap_or_else(|error| panic!("{error}"));
    let opened = Db::open_sqlite(&options);
    if let Err(refusal) = opened {
        assert!(refusal.to_string().contains("hostile.db"), "{refusal}");
    }
});
