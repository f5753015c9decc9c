//! The way to the store: a few connections on which many decisions are under way at once, and what
//! happens when it does not answer.
//!
//! A call that fails, or takes longer than the timeout, marks the store as down. Then nobody waits
//! for it: every decision goes its rule's way at once, until a probe, ten times a second, has an
//! answer again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use kit::telemetry::metrics::{Counter, Gauge, Metrics};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, Script, ScriptInvocation};
use thiserror::Error;

/// How often a store that is down is tried.
pub(crate) const PROBE_EVERY: Duration = Duration::from_millis(100);
/// How long connecting may take.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);

/// Where the store is and how it is used.
#[derive(Clone, Debug)]
pub struct LinkSettings {
    /// `redis://host:port`, `rediss://...`.
    pub url: String,
    /// Connections; each carries any number of decisions at once.
    pub connections: usize,
    /// How long one decision waits.
    pub timeout: Duration,
}

/// Why the store did not decide.
#[derive(Debug, Error)]
pub(crate) enum StoreError {
    #[error("the store is down")]
    Down,
    #[error("the store did not answer within {0:?}")]
    Slow(Duration),
    #[error("the store: {0}")]
    Failed(#[from] redis::RedisError),
}

pub(crate) struct Link {
    client: Client,
    settings: LinkSettings,
    lanes: ArcSwap<Vec<MultiplexedConnection>>,
    next: AtomicUsize,
    is_up: AtomicBool,
    down: Gauge,
    failures: Counter,
}

impl Link {
    /// A way to the store at `settings.url`, not taken yet.
    ///
    /// # Errors
    /// When the URL is none of a store.
    pub(crate) fn new(settings: LinkSettings, metrics: &Metrics) -> Result<Self, String> {
        let client = Client::open(settings.url.as_str()).map_err(|error| error.to_string())?;
        let down = metrics.gauge(
            "backplane_limiter_store_down",
            "Instances of limiters that cannot reach their shared store: an alarm",
        );
        down.inc();
        Ok(Self {
            client,
            settings,
            lanes: ArcSwap::default(),
            next: AtomicUsize::new(0),
            is_up: AtomicBool::new(false),
            down,
            failures: metrics.counter(
                "backplane_limiter_store_failures",
                "Decisions that the shared store did not make",
            ),
        })
    }

    /// Tries the store if it is down.
    pub(crate) async fn probe(&self) {
        if self.is_up.load(Ordering::Relaxed) {
            return;
        }
        match self.connect().await {
            Ok(lanes) => {
                self.lanes.store(Arc::new(lanes));
                if !self.is_up.swap(true, Ordering::Relaxed) {
                    self.down.dec();
                    tracing::info!("the shared store of the limiter answers");
                }
            }
            Err(error) => tracing::debug!(%error, "the shared store of the limiter stays down"),
        }
    }

    async fn connect(&self) -> Result<Vec<MultiplexedConnection>, StoreError> {
        let mut lanes = Vec::with_capacity(self.settings.connections);
        for _ in 0..self.settings.connections.max(1) {
            // Its own limit on answers is half a second, whatever ours is.
            let config = AsyncConnectionConfig::new().set_response_timeout(None);
            let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
            let connected = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await;
            let mut lane = connected.map_err(|_| StoreError::Slow(CONNECT_TIMEOUT))??;
            let ping = redis::cmd("PING");
            let ping = ping.query_async::<String>(&mut lane);
            let answered = tokio::time::timeout(CONNECT_TIMEOUT, ping).await;
            answered.map_err(|_| StoreError::Slow(CONNECT_TIMEOUT))??;
            lanes.push(lane);
        }
        Ok(lanes)
    }

    /// Runs a script on the store.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        fill: impl FnOnce(&mut ScriptInvocation<'_>),
    ) -> Result<T, StoreError> {
        let answered = self.try_run(script, fill).await;
        if let Err(error) = &answered {
            self.failures.inc();
            self.note_failure(error);
        }
        answered
    }

    async fn try_run<T: FromRedisValue>(
        &self,
        script: &Script,
        fill: impl FnOnce(&mut ScriptInvocation<'_>),
    ) -> Result<T, StoreError> {
        if !self.is_up.load(Ordering::Relaxed) {
            return Err(StoreError::Down);
        }
        let lanes = self.lanes.load();
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let lane = lanes.get(turn % lanes.len().max(1)).cloned();
        let mut lane = lane.ok_or(StoreError::Down)?;
        drop(lanes);
        let mut invocation = script.prepare_invoke();
        fill(&mut invocation);
        let running = invocation.invoke_async(&mut lane);
        let answered = tokio::time::timeout(self.settings.timeout, running).await;
        Ok(answered.map_err(|_| StoreError::Slow(self.settings.timeout))??)
    }

    fn note_failure(&self, error: &StoreError) {
        // An error that the store itself answers with concerns one call.
        if let StoreError::Failed(error) = error
            && error.code().is_some()
            && !error.is_unrecoverable_error()
        {
            tracing::warn!(%error, "the shared store of the limiter refused a decision");
            return;
        }
        if self.is_up.swap(false, Ordering::Relaxed) {
            self.down.inc();
            tracing::error!(%error, "the shared store of the limiter is down; rules go their way");
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if !self.is_up.load(Ordering::Relaxed) {
            self.down.dec();
        }
    }
}
