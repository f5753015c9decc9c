//! PostgreSQL, and kin that speak its protocol: each closure is one `SERIALIZABLE` transaction.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use postgres::{Client, IsolationLevel};
use tokio::sync::Semaphore;

use super::bell::Bell;
use super::server::Server;
use super::tx::Statements;
use super::{Migration, SqlError, Tx, migrate};
use crate::entropy::Entropy;

/// Sessions held at once; a further transaction waits for one of them.
const SESSIONS_MAX: usize = 16;
/// Attempts at a transaction that keeps colliding with others.
const ATTEMPTS_MAX: u32 = 20;
/// Attempts at a migration that other processes may be making too.
const MIGRATION_ATTEMPTS_MAX: u32 = 5;
/// The first pause after a collision, give or take half; it doubles each time, up to 64 times this.
const PAUSE: Duration = Duration::from_millis(1);

pub(super) struct Postgres {
    server: Arc<Server>,
    schema: String,
    idle: Mutex<Vec<Session>>,
    permits: Semaphore,
}

struct Session {
    client: Client,
    statements: Statements,
}

impl Postgres {
    pub(super) fn open(
        url: &str,
        schema: String,
        migrations: &[Migration],
    ) -> Result<Self, SqlError> {
        let server = Arc::new(Server::named(url)?);
        assert!(
            schema.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
            "a schema is named by a system and a namespace, both checked: {schema}"
        );
        let store =
            Self { server, schema, idle: Mutex::default(), permits: Semaphore::new(SESSIONS_MAX) };
        store.create_schema()?;
        store.migrate(migrations)?;
        Ok(store)
    }

    /// Processes that start together collide on the catalogue, whose rows obey no snapshot: the
    /// one that lost looks again, and finds the tables made.
    fn migrate(&self, migrations: &[Migration]) -> Result<(), SqlError> {
        let mut migrate = |tx: &mut Tx<'_>| migrate::migrate(tx, &self.schema, migrations);
        for _ in 1..MIGRATION_ATTEMPTS_MAX {
            match self.run_now(&mut migrate, true) {
                Err(SqlError::Duplicate(_) | SqlError::Invalid(_)) => {}
                answer => return answer,
            }
        }
        self.run_now(&mut migrate, true)
    }

    /// Two processes may start together, and `IF NOT EXISTS` still collides on the catalogue.
    fn create_schema(&self) -> Result<(), SqlError> {
        let sql = format!("CREATE SCHEMA IF NOT EXISTS {}", self.schema);
        let mut session = self.connect()?;
        session.client.batch_execute(&sql).or_else(|error| match SqlError::from_postgres(&error) {
            SqlError::Duplicate(_) => Ok(()),
            refusal => Err(refusal),
        })
    }

    pub(super) async fn retire(&self) {
        // All sessions at once: nothing is under way then.
        let _all = self.permits.acquire_many(SESSIONS_MAX as u32).await;
        self.permits.close();
        let sessions = std::mem::take(&mut *self.idle.lock());
        std::thread::spawn(move || drop(sessions));
    }

    pub(super) fn bell(&self) -> Bell {
        Bell::of(&self.server, &self.schema)
    }

    pub(super) async fn run<T, E>(
        self: &Arc<Self>,
        mut work: impl FnMut(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        writes: bool,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<SqlError> + Send + 'static,
    {
        let Ok(permit) = self.permits.acquire().await else {
            return Err(SqlError::Unavailable("this namespace was reset or dropped".into()).into());
        };
        let store = Arc::clone(self);
        let answer = tokio::task::spawn_blocking(move || store.run_now(&mut work, writes)).await;
        drop(permit);
        answer.unwrap_or_else(|panic| Err(SqlError::Invalid(panic.to_string()).into()))
    }

    fn run_now<T, E: From<SqlError>>(
        &self,
        work: &mut impl FnMut(&mut Tx<'_>) -> Result<T, E>,
        writes: bool,
    ) -> Result<T, E> {
        let mut pause = PAUSE;
        for _ in 0..ATTEMPTS_MAX {
            let idle = self.idle.lock().pop();
            let reused = idle.is_some();
            let mut session = match idle {
                Some(session) => session,
                None => self.connect()?,
            };
            match attempt(&mut session, work, writes) {
                Attempt::Ended(answer) => {
                    self.keep(session);
                    return answer;
                }
                Attempt::Collided => {
                    self.keep(session);
                    std::thread::sleep(about(pause));
                    pause = (pause * 2).min(PAUSE * 64);
                }
                // A pooled session may have been closed by the server while it was idle.
                Attempt::NeverBegan(_) if reused => {}
                Attempt::NeverBegan(refusal) => return Err(refusal.into()),
            }
        }
        Err(SqlError::Contended(ATTEMPTS_MAX).into())
    }

    fn keep(&self, session: Session) {
        if !session.client.is_closed() {
            self.idle.lock().push(session);
        }
    }

    fn connect(&self) -> Result<Session, SqlError> {
        let mut client = self.server.connect()?;
        client
            .batch_execute(&format!("SET search_path TO {}", self.schema))
            .map_err(|error| SqlError::from_postgres(&error))?;
        Ok(Session { client, statements: Statements::new() })
    }
}

impl Drop for Postgres {
    /// Ending a session blocks, which the asynchronous task that drops the handle must not.
    fn drop(&mut self) {
        let sessions = std::mem::take(&mut *self.idle.lock());
        std::thread::spawn(move || drop(sessions));
    }
}

/// Those that have collided would do so again if all waited alike.
fn about(pause: Duration) -> Duration {
    let thousandths = 500 + u32::from(Entropy::machine().bytes16()[0]) * 4;
    pause * thousandths / 1_000
}

enum Attempt<T, E> {
    Ended(Result<T, E>),
    Collided,
    NeverBegan(SqlError),
}

fn attempt<T, E: From<SqlError>>(
    session: &mut Session,
    work: &mut impl FnMut(&mut Tx<'_>) -> Result<T, E>,
    writes: bool,
) -> Attempt<T, E> {
    let begun = session
        .client
        .build_transaction()
        .isolation_level(IsolationLevel::Serializable)
        .read_only(!writes)
        .start();
    let transaction = match begun {
        Ok(transaction) => transaction,
        Err(error) => return Attempt::NeverBegan(SqlError::from_postgres(&error)),
    };
    let mut tx = Tx::postgres(transaction, &mut session.statements);
    let answer = work(&mut tx);
    if tx.collided {
        return Attempt::Collided;
    }
    let committed = match (answer.is_ok(), tx.into_postgres()) {
        (true, Some(transaction)) => transaction.commit(),
        // Dropped without a commit, a transaction is rolled back.
        _ => Ok(()),
    };
    match committed.map_err(|error| SqlError::from_postgres(&error)) {
        Ok(()) => Attempt::Ended(answer),
        Err(SqlError::Contended(_)) => Attempt::Collided,
        Err(refusal) => Attempt::Ended(Err(refusal.into())),
    }
}
