//! Where a server keeps its rows: the suites of links hold for both engines.

use std::sync::atomic::{AtomicU32, Ordering};

use postgres::{Client, NoTls};

use super::Launch;

/// SQLite, or a fresh database of the PostgreSQL that `BACKPLANE_TEST_POSTGRES` names.
pub(crate) enum Engine {
    Sqlite,
    Postgres { server: Box<postgres::Config>, url: String, database: String },
}

/// Runs `test` on SQLite, then on PostgreSQL when there is one.
pub(crate) fn on_each_engine(test: impl Fn(&Engine)) {
    test(&Engine::Sqlite);
    if let Ok(url) = std::env::var("BACKPLANE_TEST_POSTGRES") {
        test(&Engine::fresh(&url));
    }
}

impl Engine {
    fn fresh(url: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let database = format!("backplane_test_{}_{count}", std::process::id());
        let server: postgres::Config = url.parse().unwrap();
        let mut client = server.connect(NoTls).unwrap();
        client.batch_execute(&format!("CREATE DATABASE {database}")).unwrap();
        let (base, _) = url.rsplit_once('/').unwrap();
        Self::Postgres { server: Box::new(server), url: format!("{base}/{database}"), database }
    }

    /// `dev` with its rows here.
    pub(crate) fn dev(&self) -> Launch {
        match self {
            Self::Sqlite => Launch::dev(),
            Self::Postgres { url, .. } => Launch::dev().set(&format!("data.sql={url}")),
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Self::Postgres { server, database, .. } = self {
            let drop = format!("DROP DATABASE {database} WITH (FORCE)");
            let dropped = server.connect(NoTls).and_then(|mut c: Client| c.batch_execute(&drop));
            assert!(dropped.is_ok() || std::thread::panicking(), "{dropped:?}");
        }
    }
}
