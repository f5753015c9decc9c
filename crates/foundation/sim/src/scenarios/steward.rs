//! Namespaces made, written to, reset, dropped and backed up while they are in use.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kit::clock::pause;
use kit::entropy::Entropy;
use kit::invariant::{ACKNOWLEDGED_IS_THERE, Bounds, SERVICE_RESUMES, STORES_OPEN};
use kit::namespace::{NamespaceError, NamespaceName, Namespaces, StateSettings};
use kit::system::{AnySystem, System};
use kit::telemetry::metrics::Metrics;

use super::deed::{self, Change};
use super::estate::{Estate, Stores};
use super::service::Service;
use crate::seed::Rng;

/// What its namespaces' names begin with.
const PREFIX: &str = "estate-";
/// Namespaces in use at once.
const OPEN_MAX: usize = 3;
/// Namespaces made in one run.
const MADE_MAX: usize = 12;
/// Backups of one boot.
const BACKUPS_MAX: u64 = 3;

/// One namespace in use. Whoever writes holds `writing` too.
#[derive(Clone)]
pub(super) struct Tended {
    stores: Arc<Stores>,
    writing: Arc<()>,
}

/// Whether a namespace is the steward's.
pub(super) fn is_estate(name: &str) -> bool {
    name.starts_with(PREFIX)
}

impl Service {
    /// Opens what a start finds, and judges it once all of it is open.
    pub(super) async fn recover_estates(
        &self,
        namespaces: &Namespaces,
        names: &[String],
    ) -> Result<(), String> {
        let mut all = Vec::new();
        for name in names.iter().filter(|name| is_estate(name)) {
            let stores = open(namespaces, name).await.map_err(|error| error.to_string())?;
            let found = stores.read().await.map_err(|error| error.to_string())?;
            all.push((name.clone(), stores, found));
        }
        let mut book = self.book.lock();
        let absent: Vec<String> =
            book.estates.keys().filter(|name| !names.contains(name)).cloned().collect();
        for name in absent {
            let verdict = book.estates.entry(name).or_default().recovered(None);
            book.judge(verdict);
        }
        for (name, stores, found) in all {
            let found = match found {
                Ok(found) => found,
                Err(violation) => {
                    book.fail(violation);
                    return Ok(());
                }
            };
            let verdict = book.estates.entry(name.clone()).or_default().recovered(Some(&found));
            book.judge(verdict);
            self.tended.lock().insert(name, Tended { stores, writing: Arc::default() });
        }
        Ok(())
    }

    /// One more write to each: the end of a run.
    pub(super) async fn estates_take_writes(&self) {
        let tended = self.tended.lock().clone();
        for (name, tended) in tended {
            let written = self.write_to(&name, &tended).await;
            self.book.lock().judge(SERVICE_RESUMES.unless(written, || format!("{name} refuses")));
        }
    }

    pub(super) async fn tend(self, mut rng: Rng) {
        loop {
            pause(Duration::from_micros(rng.below(self.load.pace.think_us))).await;
            let tended = self.tended.lock().clone();
            let names: Vec<&String> = tended.keys().collect();
            let Some((name, one)) = rng.pick(&names).and_then(|name| tended.get_key_value(*name))
            else {
                continue;
            };
            let (name, one) = (name.clone(), one.clone());
            drop(tended);
            self.write_to(&name, &one).await;
        }
    }

    async fn write_to(&self, name: &str, tended: &Tended) -> bool {
        let txn = self.book.lock().begin_at_estate(name);
        let outcome = tended.stores.write(txn).await;
        if self.machine.sim_disk().is_on() {
            self.book.lock().end_at_estate(name, txn, &outcome);
        }
        outcome.is_ok()
    }

    pub(super) async fn be_the_steward(self, namespaces: Arc<Namespaces>) {
        let mut rng = self.seed.fork("steward").rng();
        let mut backups = 0;
        loop {
            pause(Duration::from_micros(rng.below(self.load.pace.think_us))).await;
            let names: Vec<String> = self.tended.lock().keys().cloned().collect();
            let picked = rng.pick(&names).filter(|_| names.len() >= OPEN_MAX || rng.chance(1, 2));
            let done = match (picked, rng.below(4)) {
                (None, _) => self.make_one(&namespaces).await,
                (Some(name), 0) => self.drop_one(&namespaces, name).await,
                (Some(_), 1) if backups < BACKUPS_MAX => {
                    backups += 1;
                    self.back_up(&namespaces, rng.bits()).await
                }
                (Some(name), _) => self.reset_one(&namespaces, name).await,
            };
            if let Err(error) = done {
                self.change_refused(error);
            }
        }
    }

    fn change_refused(&self, error: NamespaceError) {
        if !self.machine.sim_disk().is_on() {
            return;
        }
        match error {
            NamespaceError::Storage(error) => self.refused(&error),
            // A store that could not be opened says why in text only.
            _ if self.book.lock().faults.any() => {}
            other => self.book.lock().fail(STORES_OPEN.broken_by(other.to_string())),
        }
    }

    async fn make_one(&self, namespaces: &Namespaces) -> Result<(), NamespaceError> {
        let name = {
            let mut book = self.book.lock();
            if book.estates.len() >= MADE_MAX {
                return Ok(());
            }
            let name = format!("{PREFIX}{}", book.estates.len());
            book.estates.entry(name.clone()).or_default().change = Change::Making;
            name
        };
        if let Ok(parsed) = name.parse::<NamespaceName>() {
            namespaces.create(&parsed).await?;
        }
        self.changed(&name, Change::None);
        self.put_to_use(namespaces, &name).await
    }

    /// An acknowledgement that somebody hears.
    fn changed(&self, name: &str, change: Change) {
        if !self.machine.sim_disk().is_on() {
            return;
        }
        if let Some(deed) = self.book.lock().estates.get_mut(name) {
            if deed.change == Change::Resetting {
                deed.emptied();
            }
            deed.change = change;
        }
    }

    async fn put_to_use(&self, namespaces: &Namespaces, name: &str) -> Result<(), NamespaceError> {
        let stores = open(namespaces, name).await?;
        self.tended.lock().insert(name.to_owned(), Tended { stores, writing: Arc::default() });
        Ok(())
    }

    /// Takes it out of use: nobody writes to it once this returns.
    async fn begin_change(&self, name: &str, change: Change) {
        let Some(tended) = self.tended.lock().remove(name) else { return };
        while Arc::strong_count(&tended.writing) > 1 {
            pause(Duration::from_millis(1)).await;
        }
        if let Some(deed) = self.book.lock().estates.get_mut(name) {
            deed.change = change;
        }
    }

    async fn reset_one(&self, from: &Namespaces, name: &str) -> Result<(), NamespaceError> {
        let Ok(parsed) = name.parse::<NamespaceName>() else { return Ok(()) };
        self.begin_change(name, Change::Resetting).await;
        from.reset(&parsed).await?;
        self.changed(name, Change::None);
        self.put_to_use(from, name).await
    }

    async fn drop_one(&self, from: &Namespaces, name: &str) -> Result<(), NamespaceError> {
        let Ok(parsed) = name.parse::<NamespaceName>() else { return Ok(()) };
        self.begin_change(name, Change::Dropping).await;
        from.remove(&parsed).await?;
        self.changed(name, Change::Gone);
        Ok(())
    }

    /// Takes a backup while everybody writes, opens it, and judges what it has.
    async fn back_up(&self, from: &Arc<Namespaces>, number: u64) -> Result<(), NamespaceError> {
        let data_dir = PathBuf::from(format!("/backup-{number:x}"));
        let names: Vec<String> = self.tended.lock().keys().cloned().collect();
        let bounds_of = |name: &String| {
            let book = self.book.lock();
            book.estates.get(name).map(|deed| deed.bounds.clone()).unwrap_or_default()
        };
        let before: Vec<Bounds<u64>> = names.iter().map(bounds_of).collect();
        let (source, target) = (Arc::clone(from), data_dir.clone());
        let copied = kit::machine::blocking(move || source.snapshot_all(&target)).await;
        let Ok(copied) = copied else { return Ok(()) };
        copied?;
        let after: Vec<Bounds<u64>> = names.iter().map(bounds_of).collect();
        let settings = StateSettings {
            data_dir,
            durability: self.durability,
            sql_url: None,
            create_on_use: false,
        };
        let entropy = Entropy::seeded(number);
        let backup = Arc::new(Namespaces::open(settings, entropy, Metrics::new())?);
        self.backups.lock().push(Arc::clone(&backup));
        for ((name, before), after) in names.iter().zip(before).zip(after) {
            let stores = open(&backup, name).await?;
            let found = stores.read().await.map_err(NamespaceError::Storage)?;
            if !self.machine.sim_disk().is_on() {
                return Ok(());
            }
            let may = after.must.union(&after.may).copied().collect();
            let bounds = Bounds { must: before.must, may };
            let verdict =
                found.and_then(|found| deed::check(&bounds, &found, ACKNOWLEDGED_IS_THERE));
            let mut book = self.book.lock();
            book.judge(verdict);
            book.backups += 1;
        }
        Ok(())
    }
}

async fn open(namespaces: &Namespaces, name: &str) -> Result<Arc<Stores>, NamespaceError> {
    let system: Arc<dyn AnySystem> = Arc::new(Estate);
    let Ok(name) = name.parse::<NamespaceName>() else {
        return Err(NamespaceError::NotFound(NamespaceName::default_name()));
    };
    let instance = namespaces.get(&name)?.open(system).await?;
    let stores = instance.downcast::<<Estate as System>::Instance>();
    stores.map_err(|_| NamespaceError::NotFound(name))
}
