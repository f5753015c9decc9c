//! Namespaces: the unit of isolation, quota, backup, fork and deletion; in `serve` the tenant.
//!
//! One directory holds the state of every system of a namespace. Crash recovery, opening a fork and
//! opening a backup are the same path: files are found and opened.
//!
//! Invariants:
//! - A directory under its final name is whole: it is made beside it and renamed.
//! - An instance that a request still holds keeps its own (unlinked) files after a reset or drop;
//!   it can never touch those of the namespace's next life. In a database server it has no rows any
//!   more: it is told that the database is unavailable.
//! - Nothing is opened under a name that is not durable, nor where a change is under way.
//!
//! Rows in a database server are a schema for each system. Other processes that have the namespace
//! open are not told of a reset or drop: they are to be started again.

mod ending;
mod gate;
mod instances;
mod name;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use thiserror::Error;
use tokio::sync::Mutex;

use crate::clock::{Clock, Timestamp};
use crate::disk;
use crate::entropy::Entropy;
use crate::files;
use crate::ids::{self, IdSource};
use crate::machine::{self, Mistake};
use crate::sql::{Durability, SqlError, schemas};
use crate::system::OpenError;
use crate::telemetry::metrics::Metrics;

use gate::Gate;
pub use instances::Namespace;
pub use name::{BadName, NAME_BYTES_MAX, NamespaceName};

/// Namespaces in one data directory.
pub const NAMESPACES_MAX: usize = 100_000;

/// Why something could not be done to a namespace.
#[derive(Debug, Clone, Error)]
pub enum NamespaceError {
    /// No such namespace.
    #[error("there is no namespace {0}; make it with `backplane namespace new {0}`")]
    NotFound(NamespaceName),
    /// The name is taken.
    #[error("namespace {0} exists already; choose another name, or reset or drop it")]
    Exists(NamespaceName),
    /// The default namespace stays.
    #[error("namespace {0} cannot be dropped; reset it to empty it")]
    Kept(NamespaceName),
    /// [`NAMESPACES_MAX`] is reached.
    #[error("there are {NAMESPACES_MAX} namespaces, the most a data directory holds; drop some")]
    TooMany,
    /// Another request is making, emptying or removing it at this moment.
    #[error("namespace {0} is being made, reset or dropped; try again")]
    Busy(NamespaceName),
    /// Rows are kept in a database server.
    #[error("rows are in an external database, which cannot be {0}; use its own tools")]
    External(&'static str),
    /// A system could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file system refused.
    #[error("{0}")]
    Storage(SqlError),
}

/// How namespaces keep their state.
#[derive(Clone, Debug)]
pub struct StateSettings {
    /// The data directory; namespaces lie below it in `namespaces/`.
    pub data_dir: PathBuf,
    /// When a commit counts.
    pub durability: Durability,
    /// A PostgreSQL URL, when rows are to be kept there.
    pub sql_url: Option<String>,
    /// Whether a name is made on first use: `dev` only.
    pub create_on_use: bool,
}

/// A namespace as an operator sees it.
#[derive(Clone, Debug)]
pub struct NamespaceInfo {
    /// Its name.
    pub name: NamespaceName,
    /// When its directory was made.
    pub created_at: Timestamp,
    /// What its files come to; a page that forks share counts for each.
    pub bytes: u64,
    /// Whether any system of it is open.
    pub open: bool,
}

/// All namespaces of a data directory.
pub struct Namespaces {
    root: PathBuf,
    settings: StateSettings,
    entropy: Entropy,
    metrics: Metrics,
    ids: ids::Seat,
    open: ArcSwap<HashMap<NamespaceName, Arc<Namespace>>>,
    /// One of create, fork, reset, drop at a time.
    change: Mutex<()>,
    /// Shut for the one that is being changed.
    gate: Gate,
}

impl Namespaces {
    /// Finds the namespaces below `settings.data_dir`, and makes `default` if it is missing.
    ///
    /// # Errors
    /// [`NamespaceError::Storage`] when the directory cannot be made or read.
    pub fn open(
        settings: StateSettings,
        entropy: Entropy,
        metrics: Metrics,
    ) -> Result<Self, NamespaceError> {
        let root = settings.data_dir.join("namespaces");
        let namespaces = Self {
            root,
            settings,
            entropy,
            metrics,
            ids: ids::Seat::default(),
            open: ArcSwap::default(),
            change: Mutex::default(),
            gate: Gate::default(),
        };
        let default = namespaces.dir_of(&NamespaceName::default_name());
        files::make_folders(&default, namespaces.settings.durability)
            .map_err(|error| storage(&default, &error))?;
        namespaces.finish_changes()?;
        Ok(namespaces)
    }

    /// Has `source` make the ids that systems ask their context for. Once; a second is not taken.
    pub fn provide_ids(&self, source: Arc<dyn IdSource>) {
        // Whoever wires the house wires it once.
        let _ = self.ids.set(source);
    }

    /// The namespace `name` if something of it is open already: no waiting, no lock.
    pub fn opened(&self, name: &NamespaceName) -> Option<Arc<Namespace>> {
        self.open.load().get(name).cloned()
    }

    /// What `look` says of the namespace `name` if something of it is open already. It is not
    /// counted as a holder, so nothing is written that other threads write too.
    pub fn with_opened<R>(
        &self,
        name: &NamespaceName,
        look: impl FnOnce(&Namespace) -> Option<R>,
    ) -> Option<R> {
        look(self.open.load().get(name)?)
    }

    /// The namespace `name`; its systems are opened one by one as they are asked for.
    ///
    /// # Errors
    /// [`NamespaceError::NotFound`], unless names are made on first use; [`NamespaceError::Busy`].
    pub fn get(&self, name: &NamespaceName) -> Result<Arc<Namespace>, NamespaceError> {
        loop {
            if let Some(namespace) = self.opened(name) {
                return Ok(namespace);
            }
            let look = self.gate.look(name)?;
            let dir = self.dir_of(name);
            if !disk::is_dir(&dir) {
                if !self.settings.create_on_use {
                    return Err(NamespaceError::NotFound(name.clone()));
                }
                files::make_folders(&dir, self.settings.durability)
                    .map_err(|error| storage(&dir, &error))?;
            }
            if let Some(namespace) = self.gate.enter(look, || self.let_in(name, dir)) {
                return Ok(namespace);
            }
        }
    }

    /// To be found by every request from now on; two that come at once find one.
    fn let_in(&self, name: &NamespaceName, dir: PathBuf) -> Arc<Namespace> {
        let made = Arc::new(Namespace::new(name.clone(), dir, Clock::system(), self));
        self.open.rcu(|open| {
            let mut open = HashMap::clone(open);
            open.entry(name.clone()).or_insert_with(|| Arc::clone(&made));
            open
        });
        self.opened(name).unwrap_or(made)
    }

    /// Makes an empty namespace.
    ///
    /// # Errors
    /// [`NamespaceError::Exists`], [`NamespaceError::TooMany`], [`NamespaceError::Storage`].
    pub async fn create(&self, name: &NamespaceName) -> Result<(), NamespaceError> {
        let _changing = self.change.lock().await;
        let _shut = self.gate.shut(name);
        let dir = self.dir_of(name);
        match disk::create_dir(&dir) {
            Ok(()) => self.flush_root().await,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(NamespaceError::Exists(name.clone()))
            }
            Err(error) => Err(storage(&dir, &error)),
        }
    }

    /// All namespaces, by name.
    ///
    /// # Errors
    /// [`NamespaceError::Storage`].
    pub fn list(&self) -> Result<Vec<NamespaceInfo>, NamespaceError> {
        let refused = |error: io::Error| storage(&self.root, &error);
        let names = self.names()?.into_iter();
        names.map(|name| self.info(name.clone(), &self.dir_of(&name)).map_err(refused)).collect()
    }

    /// The names of all namespaces, in order: cheaper than [`Namespaces::list`].
    ///
    /// # Errors
    /// [`NamespaceError::Storage`].
    pub fn names(&self) -> Result<Vec<NamespaceName>, NamespaceError> {
        let refused = |error: io::Error| storage(&self.root, &error);
        let entries = disk::list(&self.root).map_err(refused)?.into_iter();
        // Directories being made or unmade begin with a dot, which no name does.
        let mut names: Vec<NamespaceName> = entries
            .filter_map(|entry| entry.path.file_name()?.to_string_lossy().parse().ok())
            .collect();
        names.sort();
        Ok(names)
    }

    /// In how many namespaces the system called `system` is open.
    pub fn open_with(&self, system: &str) -> usize {
        self.open.load().values().filter(|open| open.instance(system).is_some()).count()
    }

    fn info(&self, name: NamespaceName, dir: &Path) -> io::Result<NamespaceInfo> {
        let made = fs::metadata(dir)?;
        let made = made.created().or_else(|_| made.modified())?;
        let since_us = made.duration_since(std::time::UNIX_EPOCH).map_or(0, |s| s.as_micros());
        let created_at = Timestamp::from_micros(i64::try_from(since_us).unwrap_or(i64::MAX));
        let open = self.opened(&name).is_some();
        Ok(NamespaceInfo { name, created_at, bytes: files::bytes_below(dir)?, open })
    }

    /// Makes `to` a copy of `from` at this moment; both then go their own ways. The cost is that of
    /// the open logs, a few megabytes each at most, whatever the size of the state; in a database
    /// server it is in proportion to the rows.
    ///
    /// # Errors
    /// [`NamespaceError::NotFound`], [`NamespaceError::Exists`], [`NamespaceError::Storage`].
    pub async fn fork(
        &self,
        from: &NamespaceName,
        to: &NamespaceName,
    ) -> Result<(), NamespaceError> {
        let _changing = self.change.lock().await;
        let (source, target) = (self.get_existing(from)?, self.dir_of(to));
        if disk::exists(&target) {
            return Err(NamespaceError::Exists(to.clone()));
        }
        let making = self.hidden(to);
        let staged = making.clone();
        let flush = self.settings.durability == Durability::Flush;
        let copied = machine::blocking(move || {
            // Before it has its name, and while the stores of its parent go on.
            let flushed = || if flush { files::flush_snapshot(&staged) } else { Ok(()) };
            source.snapshot(&staged).and_then(|()| flushed()).inspect_err(|_| {
                // What cannot be removed either is, at the next start.
                let _ = disk::remove_dir_all(&staged);
            })
        });
        copied
            .await
            .unwrap_or_else(|panic| Err(io::Error::other(panic)))
            .map_err(|error| storage(&making, &error))?;
        if let Err(refusal) = self.copy_rows(from, to).await {
            let _ = disk::remove_dir_all(&making);
            return Err(refusal);
        }
        let _shut = self.gate.shut(to);
        if let Err(error) = disk::rename(&making, &target) {
            self.drop_rows(to).await?;
            return Err(storage(&making, &error));
        }
        self.flush_root().await
    }

    /// Empties `name`.
    ///
    /// # Errors
    /// [`NamespaceError::NotFound`], [`NamespaceError::Storage`].
    pub async fn reset(&self, name: &NamespaceName) -> Result<(), NamespaceError> {
        let _changing = self.change.lock().await;
        self.get_existing(name)?;
        let _shut = self.gate.shut(name);
        let (dir, gone) = (self.dir_of(name), self.hidden_by_reset(name));
        // What needs room comes first: without it nothing has changed.
        let fresh = self.hidden(name);
        disk::create_dir(&fresh).map_err(|error| storage(&fresh, &error))?;
        if let Err(refusal) = self.unlink(name, &gone).await {
            // Left behind, it begins with a dot.
            let _ = disk::remove_dir_all(&fresh);
            return Err(refusal);
        }
        disk::rename(&fresh, &dir)
            .or_else(|_| disk::create_dir(&dir))
            .map_err(|error| storage(&dir, &error))?;
        self.flush_end(gone).await
    }

    /// Removes `name` and all it holds.
    ///
    /// # Errors
    /// [`NamespaceError::NotFound`], [`NamespaceError::Kept`] for `default`,
    /// [`NamespaceError::Storage`].
    pub async fn remove(&self, name: &NamespaceName) -> Result<(), NamespaceError> {
        if name.as_str() == NamespaceName::DEFAULT {
            return Err(NamespaceError::Kept(name.clone()));
        }
        let _changing = self.change.lock().await;
        self.get_existing(name)?;
        let _shut = self.gate.shut(name);
        self.forget_resets(name)?;
        let gone = self.hidden(name);
        self.unlink(name, &gone).await?;
        self.flush_end(gone).await
    }

    /// Makes `to` a consistent copy of every namespace, while serving: of those that are there at
    /// the beginning and are not dropped before their turn. Blocks; changes wait for as long as one
    /// namespace takes.
    ///
    /// # Errors
    /// [`NamespaceError::External`] or [`NamespaceError::Storage`].
    pub fn snapshot_all(&self, to: &Path) -> Result<(), NamespaceError> {
        self.refuse_external("copied")?;
        for name in self.names()? {
            let _changing = machine::lock_shared_with_tasks(&self.change);
            let dir = self.dir_of(&name);
            match disk::metadata(&dir) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                found => found.map_err(|error| storage(&dir, &error))?,
            };
            let namespace = self.get(&name)?;
            let target = to.join("namespaces").join(name.as_str());
            namespace.snapshot(&target).map_err(|error| storage(&target, &error))?;
        }
        Ok(())
    }

    /// Ends all background work and closes every instance.
    pub async fn close(&self) {
        let open = self.open.swap(Arc::default());
        for namespace in open.values() {
            namespace.close().await;
        }
    }

    async fn unlink(&self, name: &NamespaceName, gone: &Path) -> Result<(), NamespaceError> {
        self.drop_rows(name).await?;
        let removed = self.take_open(name);
        if let Some(namespace) = &removed {
            // What is being opened by its path gets the files of this life or none.
            namespace.refuse_openings().await;
        }
        let dir = self.dir_of(name);
        if machine::makes(Mistake::EmptyInPlace) {
            disk::remove_dir_all(&dir).map_err(|error| storage(&dir, &error))?;
            disk::create_dir(&dir).map_err(|error| storage(&dir, &error))?;
        }
        let renamed = disk::rename(&dir, gone);
        if let Some(namespace) = removed {
            // What it still flushes goes to files that are about to be unlinked.
            machine::spawn(async move { namespace.close().await });
        }
        renamed.map_err(|error| storage(&dir, &error))
    }

    /// No longer to be found by new requests.
    fn take_open(&self, name: &NamespaceName) -> Option<Arc<Namespace>> {
        let taken = self.opened(name);
        self.open.rcu(|open| {
            let mut open = HashMap::clone(open);
            open.remove(name);
            open
        });
        taken
    }

    async fn copy_rows(
        &self,
        from: &NamespaceName,
        to: &NamespaceName,
    ) -> Result<(), NamespaceError> {
        let Some(url) = self.settings.sql_url.clone() else { return Ok(()) };
        let (source, target) = (from.clone(), to.clone());
        let copy = move || schemas::copy_all(&url, source.as_str(), target.as_str());
        match in_server(copy).await {
            Err(SqlError::Duplicate(_)) => Err(NamespaceError::Exists(to.clone())),
            copied => copied.map_err(NamespaceError::Storage),
        }
    }

    async fn drop_rows(&self, name: &NamespaceName) -> Result<(), NamespaceError> {
        let Some(url) = self.settings.sql_url.clone() else { return Ok(()) };
        if let Some(namespace) = self.take_open(name) {
            namespace.retire().await;
        }
        let name = name.clone();
        let dropped = in_server(move || schemas::drop_all(&url, name.as_str())).await;
        dropped.map_err(NamespaceError::Storage)
    }

    fn get_existing(&self, name: &NamespaceName) -> Result<Arc<Namespace>, NamespaceError> {
        if !disk::is_dir(&self.dir_of(name)) {
            return Err(NamespaceError::NotFound(name.clone()));
        }
        self.get(name)
    }

    fn dir_of(&self, name: &NamespaceName) -> PathBuf {
        self.root.join(name.as_str())
    }

    fn refuse_external(&self, what: &'static str) -> Result<(), NamespaceError> {
        match self.settings.sql_url {
            Some(_) => Err(NamespaceError::External(what)),
            None => Ok(()),
        }
    }
}

/// The database's client blocks.
async fn in_server(
    work: impl FnOnce() -> Result<(), SqlError> + Send + 'static,
) -> Result<(), SqlError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|panic| Err(SqlError::Invalid(panic.to_string())))
}

fn storage(path: &Path, error: &io::Error) -> NamespaceError {
    NamespaceError::Storage(SqlError::from_io(path, error))
}
