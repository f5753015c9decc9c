//! Instances of the service as the house opens them.

use std::sync::Arc;

use kit::clock::{Clock, Timestamp};
use kit::entropy::Entropy;
use kit::sql::{Db, Durability, OpenOptions};
use kit::system::{Ctx, System};
use kit::telemetry::metrics::Metrics;
use kit::worker::Workers;
use shortener::model::{Author, NewLink, ShortAddress, ShortenError};
use shortener::service::{Errand, Shortener, Visit};
use shortener::{Section, Shorteners};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// One instance, as a process of its own would have it.
pub(crate) struct Process {
    pub(crate) shortener: Arc<Shortener>,
    pub(crate) sql: Db,
    metrics: Metrics,
    workers: Workers,
}

impl Process {
    /// Opens the service on `sql` with defaults that `adjust` may change.
    pub(crate) async fn open(sql: Db, clock: Clock, adjust: impl FnOnce(&mut Section)) -> Self {
        let mut section: Section = toml::from_str(shortener::settings::DEFAULT).unwrap();
        adjust(&mut section);
        let system = Shorteners::new(section.check().unwrap());
        let (metrics, workers) = (Metrics::default(), Workers::default());
        let ctx = Ctx {
            namespace: "default".parse().unwrap(),
            sql: sql.clone(),
            clock,
            entropy: Entropy::machine(),
            ids: kit::ids::Ids::absent(),
            dir: std::env::temp_dir(),
            files: Default::default(),
            metrics: metrics.clone(),
            workers: workers.clone(),
        };
        let opening = tokio::task::spawn_blocking(move || system.open(ctx));
        let shortener = opening.await.unwrap().unwrap();
        Self { shortener, sql, metrics, workers }
    }

    /// As an orderly stop does it: what is in memory is written.
    pub(crate) async fn stop(self) {
        self.workers.stop().await;
    }

    pub(crate) async fn create(&self, long_url: &str) -> String {
        self.create_new(url(long_url)).await.unwrap()
    }

    pub(crate) async fn create_new(&self, new: NewLink) -> Result<String, ShortenError> {
        Ok(self.shortener.create(&author(), new).await?.link.code)
    }

    /// Where a visitor of `code` is sent.
    pub(crate) async fn visit(&self, code: &str) -> Result<String, ShortenError> {
        match self.shortener.visit(&at(code), None, Errand::Go).await? {
            Visit::To(hot) => Ok(hot.location.to_str().unwrap().to_owned()),
            Visit::AskPassword => panic!("{code} asks for a password"),
        }
    }

    /// What the counter called `name` shows.
    pub(crate) fn counter(&self, name: &str) -> u64 {
        let text = self.metrics.encode();
        let line = text.lines().find(|line| line.starts_with(&format!("{name}_total ")));
        line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }
}

pub(crate) fn author() -> Author {
    Author { id: "ada".to_owned(), is_admin: false, limited_by: "ada".to_owned() }
}

pub(crate) fn url(long_url: &str) -> NewLink {
    NewLink { long_url: long_url.to_owned(), ..NewLink::default() }
}

pub(crate) fn at(code: &str) -> ShortAddress {
    ShortAddress { domain: String::new(), code: code.to_owned() }
}

pub(crate) fn noon() -> Timestamp {
    Timestamp::parse("2026-03-01T12:00:00Z").unwrap()
}

pub(crate) fn sqlite(dir: &tempfile::TempDir) -> Db {
    let path = dir.path().join("shortener.db");
    let options =
        OpenOptions { path, migrations: Shorteners::MIGRATIONS, durability: Durability::Buffered };
    Db::open_sqlite(&options).unwrap()
}

/// An empty schema of its own on the server, or none when there is no server.
pub(crate) struct Server {
    url: String,
    schema: &'static str,
}

impl Server {
    pub(crate) async fn with_empty(schema: &'static str) -> Option<Self> {
        let Ok(url) = std::env::var("BACKPLANE_TEST_POSTGRES") else {
            eprintln!("skipped: BACKPLANE_TEST_POSTGRES is not set");
            return None;
        };
        let server = Self { url, schema };
        let sql = format!("DROP SCHEMA IF EXISTS {schema} CASCADE");
        server.session(move |client| client.batch_execute(&sql).unwrap()).await;
        Some(server)
    }

    /// Work in a session of the test's own.
    pub(crate) async fn session<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut postgres::Client) -> T + Send + 'static,
    ) -> T {
        let url = self.url.clone();
        let work = move || work(&mut postgres::Client::connect(&url, postgres::NoTls).unwrap());
        tokio::task::spawn_blocking(work).await.unwrap()
    }

    /// The same server at the end of a cable that can be cut.
    pub(crate) async fn cable(&self) -> Cable {
        let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (before, behind) = self.url.split_once('@').unwrap();
        let (back, path) = behind.split_once('/').unwrap();
        let url = format!("{before}@{}/{path}", front.local_addr().unwrap());
        let (state, back) = (watch::Sender::new(Line::Whole), back.to_owned());
        let line = state.subscribe();
        tokio::spawn(async move {
            while let Ok((near, _)) = front.accept().await {
                tokio::spawn(carry(near, back.clone(), line.clone()));
            }
        });
        Cable { server: Server { url, schema: self.schema }, state }
    }

    /// A pool of sessions, as each process has it.
    pub(crate) async fn open(&self) -> Db {
        let (url, schema) = (self.url.clone(), self.schema.to_owned());
        let open = move || Db::open_postgres(&url, schema, Shorteners::MIGRATIONS).unwrap();
        tokio::task::spawn_blocking(open).await.unwrap()
    }
}

/// What a cable does with what is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Whole,
    /// Neither carried nor refused, as by a network that loses packets.
    Held,
    Cut,
}

pub(crate) struct Cable {
    server: Server,
    state: watch::Sender<Line>,
}

impl Cable {
    pub(crate) fn server(&self) -> &Server {
        &self.server
    }

    pub(crate) fn cut(&self) {
        self.state.send_replace(Line::Cut);
    }

    pub(crate) fn hold(&self) {
        self.state.send_replace(Line::Held);
    }

    pub(crate) fn mend(&self) {
        self.state.send_replace(Line::Whole);
    }
}

async fn carry(mut near: TcpStream, back: String, mut line: watch::Receiver<Line>) {
    if *line.borrow_and_update() == Line::Cut {
        return;
    }
    let mut far = TcpStream::connect(back).await.unwrap();
    let (mut to_far, mut to_near) = ([0; 8_192], [0; 8_192]);
    loop {
        let state = *line.borrow_and_update();
        let is_whole = state == Line::Whole;
        if state == Line::Cut {
            return;
        }
        tokio::select! {
            changed = line.changed() => if changed.is_err() { return },
            read = near.read(&mut to_far), if is_whole => match read {
                Ok(1..) => far.write_all(&to_far[..read.unwrap()]).await.unwrap(),
                _ => return,
            },
            read = far.read(&mut to_near), if is_whole => match read {
                Ok(1..) => near.write_all(&to_near[..read.unwrap()]).await.unwrap(),
                _ => return,
            },
        }
    }
}
