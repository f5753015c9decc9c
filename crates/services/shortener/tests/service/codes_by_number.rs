//! Generated codes are found by their number, all others by an index, and never two under one code.

use kit::clock::Clock;
use kit::sql::{Db, SqlError};
use shortener::model::{NewLink, ShortenError};
use shortener::settings::{AlphabetName, Section};

use super::support::{Process, Server, sqlite, url};

/// Successive codes: `1`, `2`, `3` and so on.
fn plain(section: &mut Section) {
    section.obfuscate = false;
    section.first_number = 1;
}

fn letters(section: &mut Section) {
    plain(section);
    section.alphabet = AlphabetName::LettersFirst;
}

async fn aliased(process: &Process, alias: &str) -> Result<String, ShortenError> {
    let alias = Some(alias.to_owned());
    process.create_new(NewLink { alias, ..url("https://example.com/aliased") }).await
}

async fn indexed(sql: &Db) -> Vec<String> {
    let sql = sql.read::<_, SqlError>(|tx| {
        tx.query("SELECT code FROM link WHERE NOT numbered ORDER BY id", &[], |row| row.get(0))
    });
    sql.await.unwrap()
}

async fn both_engines(schema: &'static str) -> (tempfile::TempDir, Vec<Db>) {
    let dir = tempfile::tempdir().unwrap();
    let mut stores = vec![sqlite(&dir)];
    if let Some(server) = Server::with_empty(schema).await {
        stores.push(server.open().await);
    }
    (dir, stores)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_that_a_number_would_get_is_passed_over() {
    let (_dir, stores) = both_engines("shortener_codes_passed").await;
    for sql in stores {
        let process = Process::open(sql.clone(), Clock::system(), plain).await;
        assert_eq!(process.create("https://example.com/1").await, "1");
        // The alias takes the number 2 for its row, so the next to be issued is 3.
        assert_eq!(aliased(&process, "3").await.unwrap(), "3");
        assert_eq!(process.create("https://example.com/2").await, "4");
        assert_eq!(process.visit("3").await.unwrap(), "https://example.com/aliased");
        assert_eq!(process.visit("4").await.unwrap(), "https://example.com/2");
        assert!(matches!(process.visit("2").await, Err(ShortenError::NotFound(_))));
        assert_eq!(indexed(&sql).await, ["3"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_that_is_a_generated_code_is_taken() {
    let (_dir, stores) = both_engines("shortener_codes_taken").await;
    for sql in stores {
        let process = Process::open(sql, Clock::system(), plain).await;
        let code = process.create("https://example.com/1").await;
        assert!(matches!(aliased(&process, &code).await, Err(ShortenError::Taken(_))));
        assert!(aliased(&process, "x").await.is_ok());
        assert!(matches!(aliased(&process, "x").await, Err(ShortenError::Taken(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_outlive_a_change_of_how_they_are_written() {
    let (_dir, stores) = both_engines("shortener_codes_changed").await;
    for sql in stores {
        let before = Process::open(sql.clone(), Clock::system(), plain).await;
        for number in 1..=20 {
            before.create(&format!("https://example.com/{number}")).await;
        }
        // On one PostgreSQL the old process goes on while the new one is started.
        let after = Process::open(sql.clone(), Clock::system(), |section| {
            letters(section);
            section.server = "second".to_owned();
        });
        let after = after.await;
        assert_eq!(indexed(&sql).await.len(), 20);
        let code = before.create("https://example.com/old-process").await;
        assert_eq!(after.visit(&code).await.unwrap(), "https://example.com/old-process");
        assert_eq!(before.visit(&code).await.unwrap(), "https://example.com/old-process");
        for (number, code) in (1..=20).zip("123456789abcdefghijk".chars()) {
            let found = after.visit(&code.to_string()).await.unwrap();
            assert_eq!(found, format!("https://example.com/{number}"));
        }
        let new = after.create("https://example.com/new").await;
        assert_eq!(after.visit(&new).await.unwrap(), "https://example.com/new");
        assert!(!indexed(&sql).await.contains(&new));
    }
}
