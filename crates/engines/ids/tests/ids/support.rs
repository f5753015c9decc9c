//! Instances as the house opens them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use ids::{IdGenerators, Ids, Section};
use kit::clock::{Clock, Timestamp};
use kit::entropy::Entropy;
use kit::sql::{Db, Durability, OpenOptions};
use kit::system::{Ctx, OpenError, System};
use kit::telemetry::metrics::Metrics;
use kit::worker::Workers;

pub(crate) fn sqlite(dir: &tempfile::TempDir) -> Db {
    Db::open_sqlite(&OpenOptions {
        path: dir.path().join("ids.db"),
        migrations: IdGenerators::MIGRATIONS,
        durability: Durability::Flush,
    })
    .unwrap()
}

/// An empty schema of its own on the test server, when there is one.
pub(crate) async fn postgres(schema: &'static str) -> Option<Db> {
    let Ok(url) = std::env::var("BACKPLANE_TEST_POSTGRES") else {
        eprintln!("{schema}: skipped, BACKPLANE_TEST_POSTGRES names no server");
        return None;
    };
    let open = move || {
        let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
        client.batch_execute(&format!("DROP SCHEMA IF EXISTS {schema} CASCADE")).unwrap();
        Db::open_postgres(&url, schema.to_owned(), IdGenerators::MIGRATIONS).unwrap()
    };
    Some(tokio::task::spawn_blocking(open).await.unwrap())
}

pub(crate) fn noon() -> Timestamp {
    Timestamp::parse("2026-03-01T12:00:00Z").unwrap()
}

pub(crate) fn before_noon(span: Duration) -> Clock {
    Clock::frozen(noon().minus(span))
}

pub(crate) async fn open(sql: &Db, clock: &Clock) -> Arc<Ids> {
    open_with(sql, clock, |_| {}).await.unwrap()
}

pub(crate) async fn open_with(
    sql: &Db,
    clock: &Clock,
    adjust: impl FnOnce(&mut Section),
) -> Result<Arc<Ids>, OpenError> {
    let mut section: Section = toml::from_str(ids::settings::DEFAULT).unwrap();
    adjust(&mut section);
    let system = IdGenerators::new(section.check().unwrap());
    let ctx = Ctx {
        namespace: "default".parse().unwrap(),
        sql: sql.clone(),
        clock: clock.clone(),
        entropy: Entropy::machine(),
        ids: kit::ids::Ids::absent(),
        dir: std::env::temp_dir(),
        files: Default::default(),
        metrics: Metrics::default(),
        workers: Workers::default(),
    };
    tokio::task::spawn_blocking(move || system.open(ctx)).await.unwrap()
}

/// The place of machine `machine` in the first data centre.
pub(crate) fn machine(machine: i64) -> impl Fn(&mut Section) {
    move |section| (section.datacenter, section.machine) = (0, machine)
}

/// Whether `work` has gone as far as it can and waits. Nothing else runs meanwhile, so nothing but
/// a clock can let it go on.
pub(crate) async fn waits<F: Future>(work: &mut Pin<Box<F>>) -> bool {
    std::future::poll_fn(|context| Poll::Ready(work.as_mut().poll(context).is_pending())).await
}
