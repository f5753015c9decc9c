//! The way to the store: a few connections, each with one call of many decisions under way, and
//! what happens when it does not answer.
//!
//! A call that fails, or takes longer than the timeout, marks the store as down. Then nobody waits
//! for it: every decision goes its rule's way at once, until a probe, ten times a second, has an
//! answer again. From an answer to a failure is one session with its own connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use kit::clock::Stopwatch;
use kit::telemetry::metrics::{Counter, Gauge, Metrics};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, Script, ScriptInvocation};
use thiserror::Error;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::answer::Answer;

use super::call::{Asked, Decider, Mode};
use super::lane::{Lane, Waiting};

/// How often a store that is down is tried.
pub(crate) const PROBE_EVERY: Duration = Duration::from_millis(100);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
/// Decisions that wait for a connection; one more goes its rule's way.
const WAITING_MAX: usize = 16_384;

/// Where the store is and how it is used.
#[derive(Clone, Debug)]
pub struct LinkSettings {
    /// `redis://host:port`, `rediss://...`.
    pub url: String,
    /// Connections; each carries one call at a time, of all decisions that waited for it.
    pub connections: usize,
    /// How long one decision waits.
    pub timeout: Duration,
}

/// Why the store did not decide.
#[derive(Clone, Debug, Error)]
pub(crate) enum StoreError {
    #[error("the store is down")]
    Down,
    #[error("{WAITING_MAX} decisions wait for the store already")]
    Busy,
    #[error("the store did not answer within {0:?}")]
    Slow(Duration),
    #[error("the store could not decide on this request")]
    Refused,
    #[error("the store: {0}")]
    Failed(#[from] redis::RedisError),
}

pub(crate) struct Link {
    client: Client,
    settings: LinkSettings,
    decider: Arc<Decider>,
    standing: Arc<Standing>,
    sessions: AtomicU64,
    failures: Counter,
}

/// Whether the store is up, as its connections know.
pub(crate) struct Standing {
    /// None: it is down.
    session: ArcSwapOption<Session>,
    down: Gauge,
}

struct Session {
    number: u64,
    /// To the lanes.
    waiting: mpsc::Sender<Waiting>,
    /// For calls that are not decisions.
    connection: MultiplexedConnection,
}

impl Link {
    /// A way to the store at `settings.url`, not taken yet.
    ///
    /// # Errors
    /// When the URL is none of a store.
    pub(crate) fn new(
        settings: LinkSettings,
        decider: Decider,
        metrics: &Metrics,
    ) -> Result<Self, String> {
        let client = Client::open(settings.url.as_str()).map_err(|error| error.to_string())?;
        let down = metrics.gauge(
            "backplane_limiter_store_down",
            "Instances of limiters that cannot reach their shared store: an alarm",
        );
        down.inc();
        Ok(Self {
            client,
            settings,
            decider: Arc::new(decider),
            standing: Arc::new(Standing { session: ArcSwapOption::empty(), down }),
            sessions: AtomicU64::new(0),
            failures: metrics.counter(
                "backplane_limiter_store_failures",
                "Decisions that the shared store did not make",
            ),
        })
    }

    /// Tries the store if it is down.
    pub(crate) async fn probe(&self) {
        if self.standing.session.load().is_some() {
            return;
        }
        match self.connect().await {
            Ok(session) => {
                if self.standing.session.swap(Some(Arc::new(session))).is_none() {
                    self.standing.down.dec();
                    tracing::info!("the shared store of the limiter answers");
                }
            }
            Err(error) => tracing::debug!(%error, "the shared store of the limiter stays down"),
        }
    }

    async fn connect(&self) -> Result<Session, StoreError> {
        let connection = self.connection().await?;
        let mut connections = Vec::with_capacity(self.settings.connections);
        for _ in 0..self.settings.connections.max(1) {
            connections.push(self.connection().await?);
        }
        let number = self.sessions.fetch_add(1, Ordering::Relaxed);
        let (waiting, queue) = mpsc::channel(WAITING_MAX);
        let queue = Arc::new(Mutex::new(queue));
        for connection in connections {
            let lane = Lane {
                connection,
                queue: Arc::clone(&queue),
                decider: Arc::clone(&self.decider),
                standing: Arc::clone(&self.standing),
                session: number,
                timeout: self.settings.timeout,
            };
            tokio::spawn(lane.run());
        }
        Ok(Session { number, waiting, connection })
    }

    async fn connection(&self) -> Result<MultiplexedConnection, StoreError> {
        // Its own limit on answers is half a second, whatever ours is.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        let connected = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await;
        let mut connection = connected.map_err(|_| StoreError::Slow(CONNECT_TIMEOUT))??;
        let ping = redis::cmd("PING");
        let ping = ping.query_async::<String>(&mut connection);
        let answered = tokio::time::timeout(CONNECT_TIMEOUT, ping).await;
        answered.map_err(|_| StoreError::Slow(CONNECT_TIMEOUT))??;
        Ok(connection)
    }

    /// Decides on a request, together with others that wait.
    pub(crate) async fn decide(&self, asked: Asked) -> Result<Vec<Answer>, StoreError> {
        let decided = match self.send(asked) {
            // Lanes answer everybody, unless the runtime ends.
            Ok(answered) => answered.await.unwrap_or(Err(StoreError::Down)),
            Err(error) => Err(error),
        };
        if decided.is_err() {
            self.failures.inc();
        }
        decided
    }

    fn send(
        &self,
        asked: Asked,
    ) -> Result<oneshot::Receiver<Result<Vec<Answer>, StoreError>>, StoreError> {
        let session = self.standing.session.load();
        let session = session.as_ref().ok_or(StoreError::Down)?;
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting { asked, since: Stopwatch::start(), answer };
        match session.waiting.try_send(waiting) {
            Ok(()) => Ok(answered),
            Err(mpsc::error::TrySendError::Full(_)) => Err(StoreError::Busy),
            Err(mpsc::error::TrySendError::Closed(_)) => Err(StoreError::Down),
        }
    }

    /// Tells what would be decided on a request.
    pub(crate) async fn look(&self, asked: Asked) -> Result<Vec<Answer>, StoreError> {
        let decider = Arc::clone(&self.decider);
        let looked = self
            .run(async move |connection| decider.call(connection, Mode::Look, &[asked]).await)
            .await?;
        looked.into_iter().next().flatten().ok_or(StoreError::Refused)
    }

    /// Runs a script of another kind on the store.
    pub(crate) async fn run_script<T: FromRedisValue>(
        &self,
        script: &Script,
        fill: impl FnOnce(&mut ScriptInvocation<'_>),
    ) -> Result<T, StoreError> {
        let mut invocation = script.prepare_invoke();
        fill(&mut invocation);
        self.run(async move |connection| invocation.invoke_async(connection).await).await
    }

    async fn run<T>(
        &self,
        call: impl AsyncFnOnce(&mut MultiplexedConnection) -> Result<T, redis::RedisError>,
    ) -> Result<T, StoreError> {
        let session = self.standing.session.load_full().ok_or(StoreError::Down)?;
        let mut connection = session.connection.clone();
        let called = tokio::time::timeout(self.settings.timeout, call(&mut connection)).await;
        let called = called.map_err(|_| StoreError::Slow(self.settings.timeout));
        let called = called.and_then(|answered| Ok(answered?));
        if let Err(error) = &called {
            self.failures.inc();
            self.standing.note_failure(session.number, error);
        }
        called
    }
}

impl Standing {
    /// Whether this session goes on.
    pub(crate) fn is_up(&self, session: u64) -> bool {
        self.session.load().as_ref().is_some_and(|present| present.number == session)
    }

    /// Ends a session by what went wrong in it, unless that concerns one call.
    pub(crate) fn note_failure(&self, session: u64, error: &StoreError) {
        match error {
            StoreError::Down | StoreError::Busy | StoreError::Refused => return,
            // An error that the store itself answers with.
            StoreError::Failed(error)
                if error.code().is_some() && !error.is_unrecoverable_error() =>
            {
                tracing::warn!(%error, "the shared store of the limiter refused a call");
                return;
            }
            StoreError::Failed(_) | StoreError::Slow(_) => {}
        }
        let present = self.session.load();
        if present.as_ref().is_none_or(|present| present.number != session) {
            return;
        }
        let before = self.session.compare_and_swap(&present, None);
        if before.as_ref().is_some_and(|before| before.number == session) {
            self.down.inc();
            tracing::error!(%error, "the shared store of the limiter is down; rules go their way");
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Lanes end when nobody can send to them.
        if self.standing.session.swap(None).is_none() {
            self.standing.down.dec();
        }
    }
}
