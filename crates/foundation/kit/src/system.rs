//! What a system is, and what it is opened with.
//!
//! A system has two halves. [`System::open`] makes the state of one namespace, at the first request
//! to it. Its front doors are started once and turn a credential into a namespace and a call on
//! that namespace's instance ([`Rooms`]).

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use crate::clock::Clock;
use crate::entropy::Entropy;
use crate::files::Files;
use crate::ids::Ids;
use crate::namespace::{NamespaceError, NamespaceName, Namespaces};
use crate::sql::{Db, Migration};
use crate::telemetry::metrics::Metrics;
use crate::worker::Workers;

/// One system of the house.
pub trait System: Send + Sync + 'static {
    /// Its name: a section of the configuration, a directory, a path at the edge.
    const NAME: &'static str;
    /// The schema of its database.
    const MIGRATIONS: &'static [Migration];
    /// The state of one namespace.
    type Instance: Send + Sync + 'static;

    /// Makes the state of one namespace from what is on disk. May block.
    ///
    /// # Errors
    /// [`OpenError`], naming the setting to change.
    fn open(&self, ctx: Ctx) -> Result<Arc<Self::Instance>, OpenError>;
}

/// Everything an instance may use, all of it belonging to one namespace.
#[derive(Clone)]
pub struct Ctx {
    /// Which namespace.
    pub namespace: NamespaceName,
    /// The system's own rows.
    pub sql: Db,
    /// The namespace's time.
    pub clock: Clock,
    /// Randomness.
    pub entropy: Entropy,
    /// Unique numbers that rise with time.
    pub ids: Ids,
    /// The system's own directory; what is written there is [`Files::register`]ed.
    pub dir: PathBuf,
    /// Stores that a snapshot of the namespace waits for.
    pub files: Files,
    /// Counters and histograms of the whole process.
    pub metrics: Metrics,
    /// Background work, ended with the instance.
    pub workers: Workers,
}

/// Why a system could not be opened: names the system and the setting.
#[derive(Debug, Clone, Error)]
#[error("{system} cannot start: {what} (setting {setting})")]
pub struct OpenError {
    /// Which system.
    pub system: &'static str,
    /// Which setting to look at.
    pub setting: String,
    /// What went wrong and what to do.
    pub what: String,
}

/// A system without its type, for those who handle all of them alike.
pub trait AnySystem: Send + Sync {
    /// See [`System::NAME`].
    fn name(&self) -> &'static str;
    /// See [`System::MIGRATIONS`].
    fn migrations(&self) -> &'static [Migration];
    /// See [`System::open`].
    ///
    /// # Errors
    /// See [`System::open`].
    fn open_any(&self, ctx: Ctx) -> Result<Arc<dyn Any + Send + Sync>, OpenError>;
}

impl<S: System> AnySystem for S {
    fn name(&self) -> &'static str {
        S::NAME
    }

    fn migrations(&self) -> &'static [Migration] {
        S::MIGRATIONS
    }

    fn open_any(&self, ctx: Ctx) -> Result<Arc<dyn Any + Send + Sync>, OpenError> {
        Ok(self.open(ctx)?)
    }
}

/// A system's instances, one a namespace, as its front doors reach them. Cheap to clone.
pub struct Rooms<S> {
    system: Arc<S>,
    namespaces: Arc<Namespaces>,
}

impl<S> Clone for Rooms<S> {
    fn clone(&self) -> Self {
        Self { system: Arc::clone(&self.system), namespaces: Arc::clone(&self.namespaces) }
    }
}

impl<S: System> Rooms<S> {
    /// The rooms of `system` in `namespaces`.
    pub fn new(system: Arc<S>, namespaces: Arc<Namespaces>) -> Self {
        Self { system, namespaces }
    }

    /// The system itself, with its settings.
    pub fn system(&self) -> &S {
        &self.system
    }

    /// The instance of `namespace`, opened now if this is the first request to it.
    ///
    /// # Errors
    /// [`NamespaceError::NotFound`], or why the system could not be opened.
    pub async fn open(
        &self,
        namespace: &NamespaceName,
    ) -> Result<Arc<S::Instance>, NamespaceError> {
        if let Some(instance) = self.opened(namespace) {
            return Ok(instance);
        }
        let system: Arc<dyn AnySystem> = Arc::clone(&self.system) as Arc<dyn AnySystem>;
        let instance = self.namespaces.get(namespace)?.open(system).await?;
        instance.downcast().map_err(|_| NamespaceError::NotFound(namespace.clone()))
    }

    /// What `look` says of the instance of `namespace` if it is open already: no waiting, no lock,
    /// and no count of holders that all threads would write.
    pub fn with_opened<R>(
        &self,
        namespace: &NamespaceName,
        look: impl FnOnce(&S::Instance) -> Option<R>,
    ) -> Option<R> {
        self.namespaces.with_opened(namespace, |namespace| {
            namespace.with_instance(S::NAME, |instance| look(instance.downcast_ref()?))
        })
    }

    /// The instance of `namespace` if it is open already: no waiting, no lock.
    pub fn opened(&self, namespace: &NamespaceName) -> Option<Arc<S::Instance>> {
        self.namespaces.opened(namespace)?.instance(S::NAME)?.downcast().ok()
    }
}
