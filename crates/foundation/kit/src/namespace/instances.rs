//! The open systems of one namespace.

use std::any::Any;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use super::{NamespaceError, NamespaceName, Namespaces, StateSettings};
use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::files::{Files, Store, make_folders};
use crate::idempotency;
use crate::ids::Ids;
use crate::machine;
use crate::sql::{Db, OpenOptions, schemas};
use crate::system::{AnySystem, Ctx, OpenError};
use crate::telemetry::metrics::Metrics;
use crate::worker::Workers;

/// How often what has grown old in a system's own tables is removed.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);

type Instance = Arc<dyn Any + Send + Sync>;

/// One namespace that is in use.
pub struct Namespace {
    name: NamespaceName,
    dir: PathBuf,
    clock: Clock,
    files: Files,
    settings: StateSettings,
    entropy: Entropy,
    metrics: Metrics,
    ids: Ids,
    workers: Workers,
    instances: ArcSwap<HashMap<&'static str, Instance>>,
    /// The rows of those instances.
    stores: parking_lot::Mutex<Vec<Db>>,
    /// Whether systems may be opened. One is at a time, and none once the namespace has ended.
    opening: Mutex<bool>,
}

impl Namespace {
    pub(super) fn new(name: NamespaceName, dir: PathBuf, clock: Clock, owner: &Namespaces) -> Self {
        Self {
            ids: Ids::new(name.clone(), Arc::clone(&owner.ids)),
            name,
            dir,
            clock,
            files: Files::default(),
            settings: owner.settings.clone(),
            entropy: owner.entropy.clone(),
            metrics: owner.metrics.clone(),
            workers: Workers::default(),
            instances: ArcSwap::default(),
            stores: parking_lot::Mutex::default(),
            opening: Mutex::new(true),
        }
    }

    /// The time of this namespace.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The background work of its systems.
    pub fn workers(&self) -> &Workers {
        &self.workers
    }

    /// The instance of the system called `system`, if it is open.
    pub fn instance(&self, system: &str) -> Option<Instance> {
        self.instances.load().get(system).cloned()
    }

    /// What `look` says of the instance of `system`, if it is open.
    pub(crate) fn with_instance<R>(
        &self,
        system: &str,
        look: impl FnOnce(&Instance) -> Option<R>,
    ) -> Option<R> {
        look(self.instances.load().get(system)?)
    }

    /// The instance of `system`, opened now unless it is.
    ///
    /// # Errors
    /// [`NamespaceError::Open`]; [`NamespaceError::Busy`] once it was reset, dropped or closed.
    pub async fn open(&self, system: Arc<dyn AnySystem>) -> Result<Instance, NamespaceError> {
        let may_open = self.opening.lock().await;
        if !*may_open {
            return Err(NamespaceError::Busy(self.name.clone()));
        }
        if let Some(instance) = self.instance(system.name()) {
            return Ok(instance);
        }
        let (name, context) = (system.name(), self.context_of(system.as_ref()));
        let workers = self.workers.clone();
        let opened = machine::blocking(move || {
            let ctx = context()?;
            let (sql, clock) = (ctx.sql.clone(), ctx.clock.clone());
            system.open_any(ctx).map(|instance| (instance, sql, clock))
        });
        let (instance, sql, clock) = opened.await.unwrap_or_else(|panic| {
            let what = format!("it failed while opening: {panic}");
            Err(OpenError { system: name, setting: "data.dir".to_owned(), what })
        })?;
        self.stores.lock().push(sql.clone());
        workers.every("kit: forget old idempotency keys", SWEEP_EVERY, move || {
            let (sql, clock) = (sql.clone(), clock.clone());
            async move {
                if let Err(error) = idempotency::sweep(&sql, clock.now()).await {
                    tracing::debug!(%error, "old idempotency keys stay for now");
                }
            }
        });
        self.instances.rcu(|instances| {
            let mut instances = HashMap::clone(instances);
            instances.insert(name, Arc::clone(&instance));
            instances
        });
        Ok(instance)
    }

    /// See [`crate::files::Files::snapshot`].
    pub(super) fn snapshot(&self, to: &Path) -> io::Result<()> {
        self.files.snapshot(&self.dir, to)
    }

    /// Waits for what is being opened; its directory is no longer its own after that.
    pub(super) async fn refuse_openings(&self) {
        *self.opening.lock().await = false;
    }

    /// Ends the background work, then lets go of the instances.
    pub(super) async fn close(&self) {
        let mut may_open = self.opening.lock().await;
        *may_open = false;
        self.workers.stop().await;
        self.instances.store(Arc::default());
    }

    /// As [`Namespace::close`]; and whoever still holds an instance cannot reach its rows any more,
    /// where those are in a database server.
    pub(super) async fn retire(&self) {
        self.close().await;
        let stores = std::mem::take(&mut *self.stores.lock());
        for store in stores {
            store.retire().await;
        }
    }

    /// A closure, because opening a database blocks.
    fn context_of(
        &self,
        system: &dyn AnySystem,
    ) -> impl FnOnce() -> Result<Ctx, OpenError> + Send + use<> {
        let (name, migrations) = (system.name(), system.migrations());
        let dir = self.dir.join(name);
        let (settings, namespace) = (self.settings.clone(), self.name.clone());
        let (clock, files, workers) =
            (self.clock.clone(), self.files.clone(), self.workers.clone());
        let (entropy, metrics, ids) =
            (self.entropy.clone(), self.metrics.clone(), self.ids.clone());
        move || {
            let refused = |setting: &str, what: String| OpenError {
                system: name,
                setting: setting.to_owned(),
                what,
            };
            make_folders(&dir, settings.durability)
                .map_err(|error| refused("data.dir", format!("{}: {error}", dir.display())))?;
            let sql = match &settings.sql_url {
                Some(url) => {
                    let schema = schemas::name_of(name, namespace.as_str());
                    Db::open_postgres(url, schema, migrations)
                        .map_err(|error| refused("data.sql", error.to_string()))?
                }
                None => {
                    let path = dir.join(format!("{name}.db"));
                    let durability = settings.durability;
                    Db::open_sqlite(&OpenOptions { path, migrations, durability })
                        .map_err(|error| refused("data.dir", error.to_string()))?
                }
            };
            if let Some(sqlite) = sql.embedded() {
                files.register(&(sqlite as Arc<dyn Store>));
            }
            Ok(Ctx { namespace, sql, clock, entropy, ids, dir, files, metrics, workers })
        }
    }
}
