//! Where a server keeps its rows: the suites of links hold for both engines.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicU32, Ordering};

use postgres::{Client, NoTls};

use super::Launch;

/// SQLite, or a database of its own on PostgreSQL.
pub(crate) enum Engine {
    Sqlite,
    Postgres(Database),
}

/// Runs `test` on SQLite, then on PostgreSQL when there is one.
pub(crate) fn on_each_engine(test: impl Fn(&Engine)) {
    test(&Engine::Sqlite);
    if let Some(database) = fresh_database() {
        test(&Engine::Postgres(database));
    }
}

impl Engine {
    /// `dev` with its rows here.
    pub(crate) fn dev(&self) -> Launch {
        match self {
            Self::Sqlite => Launch::dev(),
            Self::Postgres(database) => Launch::dev().set(&format!("data.sql={}", database.url)),
        }
    }
}

/// A database that is dropped with its test.
pub(crate) struct Database {
    server: Box<postgres::Config>,
    name: String,
    url: String,
}

/// An empty database of the PostgreSQL that `BACKPLANE_TEST_POSTGRES` names, if it names one.
pub(crate) fn fresh_database() -> Option<Database> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let url = std::env::var("BACKPLANE_TEST_POSTGRES").ok()?;
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("backplane_test_{}_{count}", std::process::id());
    let server: postgres::Config = url.parse().unwrap();
    let mut client = server.connect(NoTls).unwrap();
    client.batch_execute(&format!("CREATE DATABASE {name}")).unwrap();
    let (base, _) = url.rsplit_once('/').unwrap();
    Some(Database { server: Box::new(server), url: format!("{base}/{name}"), name })
}

impl Database {
    fn host_and_port(&self) -> &str {
        let (_, rest) = self.url.split_once('@').unwrap();
        rest.split_once('/').unwrap().0
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Something once every `column` of `table`, a time, is past in whichever schema has it.
    pub(crate) fn all_past(&self, table: &str, column: &str) -> Option<()> {
        let mut client = Client::connect(&self.url, NoTls).unwrap();
        let schemas = "SELECT table_schema FROM information_schema.tables WHERE table_name = $1";
        let schema: String = client.query_one(schemas, &[&table]).unwrap().get(0);
        let latest = format!(
            "SELECT max({column}) < extract(epoch FROM clock_timestamp()) * 1000000
             FROM {schema}.{table}"
        );
        client.query_one(&latest, &[]).unwrap().get::<_, bool>(0).then_some(())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.host_and_port().to_socket_addrs().unwrap().next().unwrap()
    }

    /// The same database by another address.
    pub(crate) fn url_by_way_of(&self, address: SocketAddr) -> String {
        self.url.replace(self.host_and_port(), &address.to_string())
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        let dropped = self.server.connect(NoTls).and_then(|mut c: Client| c.batch_execute(&drop));
        assert!(dropped.is_ok() || std::thread::panicking(), "{dropped:?}");
    }
}
