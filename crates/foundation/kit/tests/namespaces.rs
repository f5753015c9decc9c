//! Namespaces through a small system of their own: isolation, fork, reset, drop, and what a request
//! in flight sees meanwhile.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;

use kit::entropy::Entropy;
use kit::namespace::{NamespaceError, NamespaceName, Namespaces, StateSettings};
use kit::sql::{Db, Durability, Migration, SqlError};
use kit::system::{Ctx, OpenError, Rooms, System};
use kit::telemetry::metrics::Metrics;

struct Notes;

struct Board {
    sql: Db,
}

impl System for Notes {
    const NAME: &'static str = "notes";
    const MIGRATIONS: &'static [Migration] = &[Migration {
        number: 1,
        name: "notes",
        sql: "CREATE TABLE note (id BIGINT PRIMARY KEY, text TEXT NOT NULL)",
    }];
    type Instance = Board;

    fn open(&self, ctx: Ctx) -> Result<Arc<Board>, OpenError> {
        Ok(Arc::new(Board { sql: ctx.sql }))
    }
}

impl Board {
    async fn add(&self, id: i64, text: &'static str) -> Result<(), SqlError> {
        let insert = "INSERT INTO note (id, text) VALUES (?1, ?2)";
        self.sql.write(move |tx| tx.execute(insert, &[id.into(), text.into()]).map(drop)).await
    }

    async fn texts(&self) -> Vec<String> {
        let all = "SELECT text FROM note ORDER BY id";
        let read = self.sql.read(move |tx| tx.query(all, &[], |row| row.get(0)));
        read.await.unwrap_or_else(|error: SqlError| panic!("{error}"))
    }
}

fn house(data_dir: &Path, create_on_use: bool) -> (Arc<Namespaces>, Rooms<Notes>) {
    let settings = StateSettings {
        data_dir: data_dir.to_owned(),
        durability: Durability::Flush,
        sql_url: None,
        create_on_use,
    };
    let opened = Namespaces::open(settings, Entropy::seeded(1), Metrics::default());
    let namespaces = Arc::new(opened.unwrap());
    (Arc::clone(&namespaces), Rooms::new(Arc::new(Notes), namespaces))
}

fn name(text: &str) -> NamespaceName {
    text.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_sees_only_its_own_state() {
    let dir = tempfile::tempdir().unwrap();
    let (namespaces, rooms) = house(dir.path(), false);
    assert!(matches!(rooms.open(&name("a")).await, Err(NamespaceError::NotFound(_))));
    namespaces.create(&name("a")).await.unwrap();
    assert!(matches!(namespaces.create(&name("a")).await, Err(NamespaceError::Exists(_))));
    rooms.open(&name("a")).await.unwrap().add(1, "in a").await.unwrap();
    rooms.open(&name("default")).await.unwrap().add(1, "in default").await.unwrap();
    assert_eq!(rooms.open(&name("a")).await.unwrap().texts().await, ["in a"]);
    let listed: Vec<_> = namespaces.list().unwrap().into_iter().map(|info| info.name).collect();
    assert_eq!(listed, [name("a"), name("default")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_leaves_its_parent_alone_and_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    {
        let (namespaces, rooms) = house(dir.path(), false);
        let parent = rooms.open(&name("default")).await.unwrap();
        parent.add(1, "before").await.unwrap();
        namespaces.fork(&name("default"), &name("copy")).await.unwrap();
        let again = namespaces.fork(&name("default"), &name("copy")).await;
        assert!(matches!(again, Err(NamespaceError::Exists(_))));
        let copy = rooms.open(&name("copy")).await.unwrap();
        copy.add(2, "in the copy").await.unwrap();
        parent.add(2, "in the parent").await.unwrap();
        assert_eq!(copy.texts().await, ["before", "in the copy"]);
        assert_eq!(parent.texts().await, ["before", "in the parent"]);
        namespaces.close().await;
    }
    let (namespaces, rooms) = house(dir.path(), false);
    assert_eq!(rooms.open(&name("copy")).await.unwrap().texts().await, ["before", "in the copy"]);
    // A fork of a namespace that nobody has opened since the start.
    namespaces.fork(&name("default"), &name("third")).await.unwrap();
    assert_eq!(
        rooms.open(&name("third")).await.unwrap().texts().await,
        ["before", "in the parent"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_starts_over_and_spares_no_request_in_flight() {
    let dir = tempfile::tempdir().unwrap();
    let (namespaces, rooms) = house(dir.path(), true);
    let before = rooms.open(&name("t")).await.unwrap();
    before.add(1, "old life").await.unwrap();
    namespaces.reset(&name("t")).await.unwrap();
    let after = rooms.open(&name("t")).await.unwrap();
    assert!(after.texts().await.is_empty());
    after.add(1, "new life").await.unwrap();
    // The request that came before the reset may still write, to the old life only, and is told
    // when it wants to read anew.
    before.add(2, "late").await.unwrap();
    assert_eq!(after.texts().await, ["new life"]);
    let count = "SELECT COUNT(*) FROM note";
    let late: Result<Option<i64>, SqlError> =
        before.sql.read(move |tx| tx.find(count, &[], |row| row.get(0))).await;
    assert!(matches!(&late, Err(SqlError::Unavailable(_))), "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_forgets_and_default_stays() {
    let dir = tempfile::tempdir().unwrap();
    let (namespaces, rooms) = house(dir.path(), false);
    namespaces.create(&name("t")).await.unwrap();
    rooms.open(&name("t")).await.unwrap().add(1, "x").await.unwrap();
    namespaces.remove(&name("t")).await.unwrap();
    assert!(matches!(rooms.open(&name("t")).await, Err(NamespaceError::NotFound(_))));
    let kept = namespaces.remove(&NamespaceName::default_name()).await;
    assert!(matches!(kept, Err(NamespaceError::Kept(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_names_its_system_and_setting() {
    let dir = tempfile::tempdir().unwrap();
    let (_, rooms) = house(dir.path(), false);
    let folder = dir.path().join("namespaces/default/notes");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("notes.db"), "scribbles over the whole first page").unwrap();
    let refusal = rooms.open(&name("default")).await.err().unwrap().to_string();
    assert!(refusal.starts_with("notes cannot start: "), "{refusal}");
    assert!(refusal.contains("notes.db is damaged"), "{refusal}");
    assert!(refusal.ends_with("(setting data.dir)"), "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_under_writes_is_a_prefix_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let (namespaces, rooms) = house(dir.path(), false);
    let parent = rooms.open(&name("default")).await.unwrap();
    let writer = tokio::spawn({
        let parent = Arc::clone(&parent);
        async move {
            for id in 0..2_000 {
                parent.add(id, "n").await.unwrap();
            }
        }
    });
    let mut seen = 0;
    for round in 0..8 {
        let fork = name(&format!("fork-{round}"));
        namespaces.fork(&name("default"), &fork).await.unwrap();
        let fork = rooms.open(&fork).await.unwrap();
        let ids: Vec<i64> = fork
            .sql
            .read(|tx| tx.query("SELECT id FROM note ORDER BY id", &[], |row| row.get(0)))
            .await
            .unwrap_or_else(|error: SqlError| panic!("{error}"));
        assert_eq!(ids, (0..ids.len() as i64).collect::<Vec<_>>());
        assert!(ids.len() >= seen);
        seen = ids.len();
        fork.sql.embedded().unwrap().check().unwrap();
    }
    writer.await.unwrap();
    assert_eq!(parent.texts().await.len(), 2_000);
    parent.sql.embedded().unwrap().check().unwrap();
}
