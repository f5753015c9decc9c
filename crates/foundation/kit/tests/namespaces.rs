//! Namespaces through a small system of their own: isolation, fork, reset, drop, and what a request
//! in flight sees meanwhile. On SQLite, and on PostgreSQL when `BACKPLANE_TEST_POSTGRES` names a
//! server.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stderr, reason = "what was skipped is told")]

use std::sync::Arc;

use kit::entropy::Entropy;
use kit::http::BoxFuture;
use kit::ids::{IdSource, Ids, IdsError};
use kit::namespace::{NamespaceError, NamespaceName, Namespaces, StateSettings};
use kit::sql::{Db, Durability, Migration, SqlError};
use kit::system::{Ctx, OpenError, Rooms, System};
use kit::telemetry::metrics::Metrics;

struct Notes;

struct Board {
    sql: Db,
    ids: Ids,
}

impl System for Notes {
    const NAME: &'static str = "notes";
    const MIGRATIONS: &'static [Migration] = &[Migration {
        number: 1,
        name: "notes",
        sql: "CREATE TABLE note (id BIGINT PRIMARY KEY, text TEXT NOT NULL);
              CREATE INDEX note_by_text ON note (text)",
    }];
    type Instance = Board;

    fn open(&self, ctx: Ctx) -> Result<Arc<Board>, OpenError> {
        Ok(Arc::new(Board { sql: ctx.sql, ids: ctx.ids }))
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

/// Where the state of one test is.
struct Place {
    dir: tempfile::TempDir,
    sql_url: Option<String>,
}

impl Place {
    fn on_sqlite() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), sql_url: None }
    }

    /// A database of its own, since the schemas of two tests have the same names.
    async fn on_postgres(test: &'static str) -> Option<Self> {
        let url = std::env::var("BACKPLANE_TEST_POSTGRES").ok()?;
        let database = format!("namespaces_{test}");
        let (server, _) = url.rsplit_once('/').unwrap();
        let sql_url = Some(format!("{server}/{database}"));
        let make = move || {
            let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
            let drop = format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)");
            client.batch_execute(&drop).unwrap();
            client.batch_execute(&format!("CREATE DATABASE {database}")).unwrap();
        };
        tokio::task::spawn_blocking(make).await.unwrap();
        Some(Self { dir: tempfile::tempdir().unwrap(), sql_url })
    }

    fn house(&self, create_on_use: bool) -> (Arc<Namespaces>, Rooms<Notes>) {
        let settings = StateSettings {
            data_dir: self.dir.path().to_owned(),
            durability: Durability::Flush,
            sql_url: self.sql_url.clone(),
            create_on_use,
        };
        let opened = Namespaces::open(settings, Entropy::seeded(1), Metrics::default());
        let namespaces = Arc::new(opened.unwrap());
        (Arc::clone(&namespaces), Rooms::new(Arc::new(Notes), namespaces))
    }
}

macro_rules! on_both_engines {
    ($($scenario:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                super::$scenario(super::Place::on_sqlite()).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                match super::Place::on_postgres(stringify!($scenario)).await {
                    Some(place) => super::$scenario(place).await,
                    None => eprintln!("skipped: BACKPLANE_TEST_POSTGRES is not set"),
                }
            })*
        }
    };
}

on_both_engines!(
    a_namespace_sees_only_its_own_state,
    a_fork_leaves_its_parent_alone_and_survives_a_restart,
    a_reset_starts_over_and_spares_no_request_in_flight,
    dropping_forgets_and_default_stays,
    a_fork_under_writes_is_a_prefix_of_them,
    what_was_found_before_a_reset_or_drop_opens_nothing_after_it,
);

fn name(text: &str) -> NamespaceName {
    text.parse().unwrap()
}

async fn a_namespace_sees_only_its_own_state(place: Place) {
    let (namespaces, rooms) = place.house(false);
    assert!(matches!(rooms.open(&name("a")).await, Err(NamespaceError::NotFound(_))));
    namespaces.create(&name("a")).await.unwrap();
    assert!(matches!(namespaces.create(&name("a")).await, Err(NamespaceError::Exists(_))));
    rooms.open(&name("a")).await.unwrap().add(1, "in a").await.unwrap();
    rooms.open(&name("default")).await.unwrap().add(1, "in default").await.unwrap();
    assert_eq!(rooms.open(&name("a")).await.unwrap().texts().await, ["in a"]);
    let listed: Vec<_> = namespaces.list().unwrap().into_iter().map(|info| info.name).collect();
    assert_eq!(listed, [name("a"), name("default")]);
}

async fn a_fork_leaves_its_parent_alone_and_survives_a_restart(place: Place) {
    {
        let (namespaces, rooms) = place.house(false);
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
    let (namespaces, rooms) = place.house(false);
    assert_eq!(rooms.open(&name("copy")).await.unwrap().texts().await, ["before", "in the copy"]);
    // A fork of a namespace that nobody has opened since the start.
    namespaces.fork(&name("default"), &name("third")).await.unwrap();
    assert_eq!(
        rooms.open(&name("third")).await.unwrap().texts().await,
        ["before", "in the parent"]
    );
}

async fn a_reset_starts_over_and_spares_no_request_in_flight(place: Place) {
    let (namespaces, rooms) = place.house(true);
    let before = rooms.open(&name("t")).await.unwrap();
    before.add(1, "old life").await.unwrap();
    namespaces.reset(&name("t")).await.unwrap();
    let after = rooms.open(&name("t")).await.unwrap();
    assert!(after.texts().await.is_empty());
    after.add(1, "new life").await.unwrap();
    // The request that came before the reset may still write to its files, which are the old
    // life's only, and is told when it wants to read anew. In a server it has no rows any more.
    let late = before.add(2, "late").await;
    match place.sql_url {
        None => late.unwrap(),
        Some(_) => assert!(matches!(late, Err(SqlError::Unavailable(_))), "{late:?}"),
    }
    assert_eq!(after.texts().await, ["new life"]);
    let count = "SELECT COUNT(*) FROM note";
    let late: Result<Option<i64>, SqlError> =
        before.sql.read(move |tx| tx.find(count, &[], |row| row.get(0))).await;
    assert!(matches!(&late, Err(SqlError::Unavailable(_))), "{late:?}");
}

async fn dropping_forgets_and_default_stays(place: Place) {
    let (namespaces, rooms) = place.house(false);
    namespaces.create(&name("t")).await.unwrap();
    rooms.open(&name("t")).await.unwrap().add(1, "x").await.unwrap();
    namespaces.remove(&name("t")).await.unwrap();
    assert!(matches!(rooms.open(&name("t")).await, Err(NamespaceError::NotFound(_))));
    namespaces.create(&name("t")).await.unwrap();
    assert!(rooms.open(&name("t")).await.unwrap().texts().await.is_empty());
    let kept = namespaces.remove(&NamespaceName::default_name()).await;
    assert!(matches!(kept, Err(NamespaceError::Kept(_))));
}

/// By its path it would open the rows of the next life beside those who have them, or make a
/// directory for what was dropped.
async fn what_was_found_before_a_reset_or_drop_opens_nothing_after_it(place: Place) {
    let (namespaces, rooms) = place.house(false);
    namespaces.create(&name("t")).await.unwrap();
    let found = namespaces.get(&name("t")).unwrap();
    namespaces.reset(&name("t")).await.unwrap();
    assert!(matches!(found.open(Arc::new(Notes)).await, Err(NamespaceError::Busy(_))));
    rooms.open(&name("t")).await.unwrap().add(1, "next life").await.unwrap();
    namespaces.create(&name("u")).await.unwrap();
    let found = namespaces.get(&name("u")).unwrap();
    namespaces.remove(&name("u")).await.unwrap();
    assert!(matches!(found.open(Arc::new(Notes)).await, Err(NamespaceError::Busy(_))));
    assert_eq!(namespaces.names().unwrap(), [name("default"), name("t")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_database_names_its_system_and_setting() {
    let place = Place::on_sqlite();
    let (_, rooms) = place.house(false);
    let folder = place.dir.path().join("namespaces/default/notes");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("notes.db"), "scribbles over the whole first page").unwrap();
    let refusal = rooms.open(&name("default")).await.err().unwrap().to_string();
    assert!(refusal.starts_with("notes cannot start: "), "{refusal}");
    assert!(refusal.contains("notes.db is damaged"), "{refusal}");
    assert!(refusal.ends_with("(setting data.dir)"), "{refusal}");
}

async fn a_fork_under_writes_is_a_prefix_of_them(place: Place) {
    let (namespaces, rooms) = place.house(false);
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
        fork.sql.embedded().inspect(|sqlite| sqlite.check().unwrap());
    }
    writer.await.unwrap();
    assert_eq!(parent.texts().await.len(), 2_000);
    parent.sql.embedded().inspect(|sqlite| sqlite.check().unwrap());
}

/// What other programs keep beside it, and the house itself, is not the namespace's.
#[tokio::test(flavor = "multi_thread")]
async fn a_reset_leaves_other_schemas_of_the_database_alone() {
    let Some(place) = Place::on_postgres("others").await else { return };
    let (namespaces, rooms) = place.house(true);
    for space in ["auth", "a-b", "b"] {
        rooms.open(&name(space)).await.unwrap().add(1, "x").await.unwrap();
    }
    let url = place.sql_url.clone().unwrap();
    let session = move |sql: &'static str| {
        let url = url.clone();
        tokio::task::spawn_blocking(move || {
            let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
            let rows = client.query(sql, &[]).unwrap();
            rows.iter().map(|row| row.get(0)).collect::<Vec<String>>()
        })
    };
    for sql in [
        "CREATE SCHEMA backplane_auth",
        "CREATE TABLE backplane_auth.kit_schema (a BIGINT)",
        "CREATE SCHEMA theirs_auth",
    ] {
        session(sql).await.unwrap();
    }
    for space in ["auth", "b"] {
        namespaces.reset(&name(space)).await.unwrap();
    }
    let left = "SELECT nspname::text FROM pg_namespace WHERE nspname LIKE '%\\_b'
                    OR nspname LIKE '%\\_auth' ORDER BY 1";
    let left = session(left).await.unwrap();
    assert_eq!(left, ["backplane_auth", "notes_a_b", "theirs_auth"]);
}

/// Names, keys, sequences and their defaults: what a migration of later may build on.
#[tokio::test(flavor = "multi_thread")]
async fn a_fork_has_everything_of_a_schema_under_its_own_name() {
    let Some(place) = Place::on_postgres("schema").await else { return };
    let (namespaces, rooms) = place.house(false);
    let parent = rooms.open(&name("default")).await.unwrap();
    parent.add(7, "seven").await.unwrap();
    let url = place.sql_url.clone().unwrap();
    let run = |sql: &'static str| {
        let url = url.clone();
        tokio::task::spawn_blocking(move || {
            let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
            client.batch_execute(sql).unwrap();
            let described = "SELECT conname::text FROM pg_constraint k
                    WHERE connamespace = 'notes_copy'::regnamespace
                UNION SELECT relname::text FROM pg_class
                    WHERE relnamespace = 'notes_copy'::regnamespace AND relkind IN ('i', 'S')
                ORDER BY 1";
            let rows = client.query(described, &[]);
            rows.map_or(Vec::new(), |rows| rows.iter().map(|row| row.get::<_, String>(0)).collect())
        })
    };
    run("SET search_path TO notes_default;
         CREATE SEQUENCE step START 100 INCREMENT 10;
         CREATE TABLE page (number BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
             step BIGINT NOT NULL DEFAULT nextval('step'), serial BIGSERIAL,
             note BIGINT CONSTRAINT page_of_note REFERENCES note (id) CHECK (note > 0));
         CREATE UNIQUE INDEX page_by_note ON page (note) WHERE note IS NOT NULL;
         INSERT INTO page (note) VALUES (7), (NULL)")
    .await
    .unwrap();
    namespaces.fork(&name("default"), &name("copy")).await.unwrap();
    let names = run("SET search_path TO notes_copy;
         INSERT INTO note VALUES (8, 'eight');
         INSERT INTO page (note) VALUES (8);
         DO $$ BEGIN
             IF (SELECT array_agg(number * 1000000 + step * 1000 + serial ORDER BY number)
                 FROM page) <> '{1100001,2110002,3120003}'::bigint[] THEN RAISE 'rows differ'; END IF;
         END $$;
         INSERT INTO notes_default.page DEFAULT VALUES;
         DO $$ BEGIN
             IF (SELECT max(step) FROM notes_default.page) <> 120 THEN RAISE 'shared'; END IF;
         END $$")
    .await
    .unwrap();
    assert!(!names.is_empty());
    for wanted in ["note_by_text", "note_pkey", "page_by_note", "page_of_note", "page_note_check"] {
        assert!(names.iter().any(|name| name == wanted), "{wanted} is not in {names:?}");
    }
}

/// Ids of one digit for each namespace: the length of its name.
struct Lengths;

impl IdSource for Lengths {
    fn next_now(&self, namespace: &NamespaceName) -> Option<u64> {
        (namespace.as_str() != "slow").then_some(namespace.as_str().len() as u64)
    }

    fn next<'s>(&'s self, _: &'s NamespaceName) -> BoxFuture<'s, Result<u64, IdsError>> {
        Box::pin(async { Ok(99) })
    }
}

/// Systems are opened before or after the engine of ids is there, and see it all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_system_gets_ids_of_its_own_namespace() {
    let place = Place::on_sqlite();
    let (namespaces, notes) = place.house(false);
    let names = ["four", "slow"].map(|name| name.parse::<NamespaceName>().unwrap());
    namespaces.create(&names[0]).await.unwrap();
    let early = notes.open(&names[0]).await.unwrap();
    assert_eq!(early.ids.next_id().await, Err(IdsError::NotThere));
    namespaces.provide_ids(Arc::new(Lengths));
    assert_eq!(early.ids.next_id().await, Ok(4));
    namespaces.create(&names[1]).await.unwrap();
    assert_eq!(notes.open(&names[1]).await.unwrap().ids.next_id().await, Ok(99));
}
