//! What runs on the simulated machine: kit's namespaces with the ledger in them, its clients, a
//! relay, and whoever forks. Everything is started anew at each boot.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kit::clock::pause;
use kit::entropy::Entropy;
use kit::invariant::{PAGES_ARE_SOUND, SERVICE_RESUMES, STORES_OPEN, Violation};
use kit::namespace::{NamespaceError, NamespaceName, Namespaces, StateSettings};
use kit::sql::outbox::{self, Destination, Event};
use kit::sql::{Db, Durability, SqlError};
use kit::system::{AnySystem, System};
use kit::telemetry::metrics::Metrics;
use parking_lot::Mutex;

use super::book::Book;
use super::ledger::{self, Entry, Ledger};
use super::outcome;
use super::register::{self, Ask};
use super::steward::{self, Tended};
use crate::checkers::linearizability::Operation;
use crate::machine::SimMachine;
use crate::plan::Pace;
use crate::seed::{Rng, Seed};
use crate::trace::What;

/// Forks of one run.
const FORKS_MAX: u64 = 4;
/// Attempts at opening a store, 200 ms apart, before it counts as lost.
const OPENINGS_MAX: u32 = 30;

/// What clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) pace: Pace,
    pub(super) forks: bool,
    pub(super) events: bool,
    pub(super) estates: bool,
}

/// One boot of the service.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) machine: Arc<SimMachine>,
    pub(super) book: Arc<Mutex<Book>>,
    pub(super) durability: Durability,
    pub(super) load: Load,
    pub(super) seed: Seed,
    open: Arc<Mutex<BTreeMap<String, Db>>>,
    /// Kept until the machine is emptied: in which order a map of namespaces is dropped is no part
    /// of a seed.
    namespaces: Arc<Mutex<Option<Arc<Namespaces>>>>,
    /// As `namespaces`: of backups that were opened.
    pub(super) backups: Arc<Mutex<Vec<Arc<Namespaces>>>>,
    pub(super) tended: Arc<Mutex<BTreeMap<String, Tended>>>,
}

impl Service {
    pub(super) fn new(
        machine: &Arc<SimMachine>,
        book: &Arc<Mutex<Book>>,
        durability: Durability,
        load: Load,
        seed: Seed,
    ) -> Self {
        let (machine, book) = (Arc::clone(machine), Arc::clone(book));
        let (open, namespaces) = (Arc::default(), Arc::default());
        let (backups, tended) = (Arc::default(), Arc::default());
        Self { machine, book, durability, load, seed, open, namespaces, backups, tended }
    }

    /// Recovers, judges what was recovered, and serves until the machine is off.
    pub(super) async fn run(self) {
        let Some(namespaces) = self.recover().await else { return };
        // The first namespace is not what that scenario is about.
        let clients = if self.load.estates { 1 } else { self.load.pace.clients };
        for client in 0..clients {
            let rng = self.seed.fork("client").numbered(client.into()).rng();
            self.spawn(self.clone().be_a_client(rng));
        }
        if self.load.events {
            self.spawn(self.clone().relay(self.seed.fork("relay").rng()));
        }
        if self.load.estates {
            for tender in 0..3 {
                let rng = self.seed.fork("tender").numbered(tender).rng();
                self.spawn(self.clone().tend(rng));
            }
            self.spawn(self.clone().be_the_steward(Arc::clone(&namespaces)));
        }
        if self.load.forks {
            self.spawn(self.clone().fork_now_and_then(namespaces));
        }
    }

    /// Recovers, and shows that all is there and that writes go on: the end of a run.
    pub(super) async fn run_to_the_end(self) -> bool {
        if self.recover().await.is_none() {
            return false;
        }
        self.estates_take_writes().await;
        let open = self.open.lock().clone();
        for (name, db) in &open {
            let txn = self.book.lock().begin(name);
            let entry = Entry {
                txn,
                rows: 2,
                body_bytes: self.load.pace.body_bytes,
                is_burst: true,
                has_event: self.has_events(name),
            };
            let written = ledger::write(db, entry).await;
            let verdict = SERVICE_RESUMES.unless(written.is_ok(), || format!("{written:?}"));
            self.book.lock().judge(verdict);
            self.book.lock().end(name, txn, &written);
            self.settle(db).await;
            self.check_pages(db).await;
            self.judge_content(name, db).await;
        }
        if self.load.events
            && let Some(db) = open.get(NamespaceName::DEFAULT)
        {
            self.drain(db).await;
        }
        true
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        kit::machine::Machine::spawn(self.machine.as_ref(), Box::pin(task));
    }

    /// An error that somebody was told; nobody is, once the power has gone.
    pub(super) fn refused(&self, error: &SqlError) {
        if self.machine.sim_disk().is_on() {
            self.book.lock().refusal(error);
        }
    }

    fn has_events(&self, namespace: &str) -> bool {
        self.load.events && namespace == NamespaceName::DEFAULT
    }

    async fn recover(&self) -> Option<Arc<Namespaces>> {
        let mut last = String::new();
        for _ in 0..OPENINGS_MAX {
            match self.open_all().await {
                Ok(namespaces) => {
                    *self.namespaces.lock() = Some(Arc::clone(&namespaces));
                    return Some(namespaces);
                }
                Err(refusal) => last = refusal,
            }
            if !self.machine.sim_disk().is_on() {
                return None;
            }
            let is_lost = last.contains("damaged") || !self.book.lock().faults.any();
            if is_lost {
                break;
            }
            pause(Duration::from_millis(200)).await;
        }
        self.book.lock().fail(STORES_OPEN.broken_by(last));
        None
    }

    async fn open_all(&self) -> Result<Arc<Namespaces>, String> {
        let settings = StateSettings {
            data_dir: PathBuf::from("/data"),
            durability: self.durability,
            sql_url: None,
            create_on_use: false,
        };
        let entropy = Entropy::seeded(self.seed.0);
        let namespaces = Namespaces::open(settings, entropy, Metrics::new()).map_err(told)?;
        let names = namespaces.names().map_err(told)?;
        let texts: Vec<String> = names.iter().map(|name| name.as_str().to_owned()).collect();
        self.book.lock().found_namespaces(&texts);
        for name in names.iter().filter(|name| !steward::is_estate(name.as_str())) {
            let db = self.open_one(&namespaces, name).await.map_err(told)?;
            self.open.lock().insert(name.as_str().to_owned(), db);
        }
        // Judged only once all are open: an attempt that fails half-way is made again.
        let open = self.open.lock().clone();
        for (name, db) in &open {
            match ledger::read(db).await {
                Ok(found) => self.recovered(name, found),
                Err(refusal) => return Err(refusal.to_string()),
            }
            if self.seed.fork(name).0.is_multiple_of(4) {
                self.check_pages(db).await;
            }
        }
        self.recover_estates(&namespaces, &texts).await?;
        Ok(Arc::new(namespaces))
    }

    fn recovered(&self, name: &str, found: outcome::Found) {
        let mut book = self.book.lock();
        match found {
            Ok(found) => {
                self.machine.note(What::Check, found.len() as u64, 0);
                book.recovered(name, &found);
                if self.has_events(name) {
                    outcome::arrived_were_committed(&mut book, &found);
                }
            }
            Err(violation) => book.fail(violation),
        }
    }

    async fn open_one(
        &self,
        namespaces: &Namespaces,
        name: &NamespaceName,
    ) -> Result<Db, NamespaceError> {
        let system: Arc<dyn AnySystem> = Arc::new(Ledger);
        let instance = namespaces.get(name)?.open(system).await?;
        let db = instance.downcast::<<Ledger as System>::Instance>();
        let db = db.map_err(|_| NamespaceError::NotFound(name.clone()))?;
        Ok(Db::clone(&db))
    }

    async fn be_a_client(self, mut rng: Rng) {
        loop {
            pause(Duration::from_micros(rng.below(self.load.pace.think_us))).await;
            let open = self.open.lock().clone();
            let names: Vec<&String> = open.keys().collect();
            // Mostly the first, so that its log fills.
            let name = if rng.chance(2, 3) { names.first() } else { rng.pick(&names) };
            let Some((name, db)) = name.and_then(|name| open.get_key_value(*name)) else { return };
            match rng.below(16) {
                0 => self.judge_read(name, db).await,
                1..=4 => self.use_a_row(&open, &mut rng).await,
                _ if rng.chance(1, self.load.pace.one_settle_of) => self.settle(db).await,
                _ => self.write(name, db, &mut rng).await,
            }
        }
    }

    async fn write(&self, name: &str, db: &Db, rng: &mut Rng) {
        let is_burst = rng.chance(1, self.load.pace.one_burst_of);
        let rows = rng.within(1..=4);
        let txn = self.book.lock().begin(name);
        self.machine.note(What::Begin, txn, rows);
        let (body_bytes, has_event) = (self.load.pace.body_bytes, self.has_events(name));
        let entry = Entry { txn, rows, body_bytes, is_burst, has_event };
        let outcome = ledger::write(db, entry).await;
        // Nobody hears of what is answered after the power went.
        if self.machine.sim_disk().is_on() {
            let what = if outcome.is_ok() { What::Answer } else { What::Refuse };
            self.machine.note(what, txn, 0);
            self.book.lock().end(name, txn, &outcome);
        }
    }

    async fn use_a_row(&self, open: &BTreeMap<String, Db>, rng: &mut Rng) {
        let Some(db) = open.get(NamespaceName::DEFAULT) else { return };
        let place = {
            let mut book = self.book.lock();
            let unique = book.history.len() as u64 + 1;
            let (key, ask) = register::draw(rng, unique);
            let (client, called_at) = (rng.below(1_000) as u32, self.machine.elapsed_us());
            book.history.push(Operation { client, key, ask, called_at, answered: None });
            book.history.len() - 1
        };
        let (key, ask) = {
            let operation = &self.book.lock().history[place];
            (operation.key, operation.ask)
        };
        match register::ask(db, key, ask).await {
            Ok(answer) if self.machine.sim_disk().is_on() => {
                let answered = Some((self.machine.elapsed_us(), answer));
                self.book.lock().history[place].answered = answered;
            }
            Ok(_) => {}
            Err(error) => {
                if matches!(error, SqlError::Full(_)) {
                    // Nothing of it was kept, so for the judge it is a read that nobody heard.
                    self.book.lock().history[place].ask = Ask::Read;
                }
                self.refused(&error);
            }
        }
    }

    async fn judge_read(&self, name: &str, db: &Db) {
        let before = self.book.lock().pages.get(name).map(|page| page.bounds.clone());
        let found = ledger::read(db).await;
        if !self.machine.sim_disk().is_on() {
            return;
        }
        match found {
            Ok(Ok(found)) => self.book.lock().read(name, before.unwrap_or_default(), &found),
            Ok(Err(violation)) => self.book.lock().fail(violation),
            Err(error) => self.book.lock().read_refusal(&error),
        }
    }

    async fn judge_content(&self, name: &str, db: &Db) {
        match ledger::read(db).await {
            Ok(found) => self.recovered(name, found),
            Err(error) => self.refused(&error),
        }
    }

    async fn settle(&self, db: &Db) {
        let Some(store) = db.embedded() else { return };
        let settled = kit::machine::blocking(move || store.settle()).await;
        if self.machine.sim_disk().is_on()
            && let Ok(Err(error)) = settled
        {
            self.refused(&error);
        }
    }

    async fn check_pages(&self, db: &Db) {
        let Some(store) = db.embedded() else { return };
        let checked = kit::machine::blocking(move || store.check()).await;
        match checked {
            // SQLite's check tells of a page that could not be read as it tells of a broken one.
            Ok(Err(SqlError::Corrupt(..))) if self.book.lock().faults.failing => {}
            Ok(Err(SqlError::Corrupt(_, what))) => {
                self.book.lock().fail(PAGES_ARE_SOUND.broken_by(what));
            }
            Ok(Err(error)) => self.refused(&error),
            _ => {}
        }
    }

    async fn fork_now_and_then(self, namespaces: Arc<Namespaces>) {
        let mut rng = self.seed.fork("forks").rng();
        loop {
            pause(Duration::from_micros(rng.below(self.load.pace.think_us * 5))).await;
            let names: Vec<String> = self.open.lock().keys().cloned().collect();
            let number = self.book.lock().forks;
            let Some(from) = rng.pick(&names).filter(|_| number < FORKS_MAX) else { continue };
            let to = format!("fork-{number}-{}", rng.below(1_000_000));
            if let Err(error) = self.fork(&namespaces, from, &to).await
                && self.machine.sim_disk().is_on()
            {
                match error {
                    NamespaceError::Storage(error) => self.refused(&error),
                    // A store that could not be opened says why in text only.
                    _ if self.book.lock().faults.any() => {}
                    other => self.book.lock().fail(STORES_OPEN.broken_by(other.to_string())),
                }
            }
        }
    }

    async fn fork(
        &self,
        namespaces: &Namespaces,
        from: &str,
        to: &str,
    ) -> Result<(), NamespaceError> {
        let (source, target): (NamespaceName, NamespaceName) = match (from.parse(), to.parse()) {
            (Ok(source), Ok(target)) => (source, target),
            _ => return Ok(()),
        };
        self.book.lock().fork_begins(from, to);
        let forked = namespaces.fork(&source, &target).await;
        self.book.lock().fork_ends(from, to, forked.is_ok() && self.machine.sim_disk().is_on());
        forked?;
        // Some are left alone until the next boot: opening one flushes it.
        if self.seed.fork(to).0.is_multiple_of(2) {
            return Ok(());
        }
        let db = self.open_one(namespaces, &target).await?;
        match ledger::read(&db).await {
            Ok(found) => self.recovered(to, found),
            Err(error) => self.refused(&error),
        }
        // Only now do clients write to it.
        self.open.lock().insert(to.to_owned(), db);
        Ok(())
    }

    async fn relay(self, mut rng: Rng) {
        let Some(db) = self.open.lock().get(NamespaceName::DEFAULT).cloned() else { return };
        loop {
            pause(Duration::from_micros(rng.within(10_000..=300_000))).await;
            let destination = Queue { service: self.clone(), rng: Mutex::new(rng.clone()) };
            let relayed = outbox::relay_once(&db, &destination).await;
            rng = destination.rng.into_inner();
            if let Err(error) = relayed
                && !error.to_string().contains(Queue::DOWN)
            {
                self.refused(&error);
            }
        }
    }

    /// Relays all that is left, and judges what has arrived in the whole run.
    async fn drain(&self, db: &Db) {
        let destination = Queue { service: self.clone(), rng: Mutex::new(self.seed.rng()) };
        loop {
            match outbox::relay_once(db, &destination).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.to_string().contains(Queue::DOWN) => {}
                Err(error) => return self.refused(&error),
            }
        }
        match ledger::read(db).await {
            Ok(Ok(found)) => outcome::all_events_arrived(&mut self.book.lock(), &found),
            Ok(Err(violation)) => self.book.lock().fail(violation),
            Err(error) => self.refused(&error),
        }
    }
}

fn told(error: NamespaceError) -> String {
    error.to_string()
}

/// A queue on another machine, which fails now and then, before or after it has taken the events.
struct Queue {
    service: Service,
    rng: Mutex<Rng>,
}

impl Queue {
    const DOWN: &'static str = "the queue does not answer";
}

impl Destination for Queue {
    async fn deliver(&self, events: Vec<Event>) -> Result<(), String> {
        let (there_us, back_us, fails) = {
            let mut rng = self.rng.lock();
            (rng.below(20_000), rng.below(20_000), rng.below(10))
        };
        pause(Duration::from_micros(there_us)).await;
        if fails == 0 {
            return Err(Self::DOWN.to_owned());
        }
        if self.service.machine.sim_disk().is_on() {
            self.service.book.lock().arrive(events);
        }
        pause(Duration::from_micros(back_us)).await;
        if fails == 1 { Err(Self::DOWN.to_owned()) } else { Ok(()) }
    }
}

/// A violation of a run that could not even be judged.
pub(super) fn unfinished(what: &str) -> Violation {
    SERVICE_RESUMES.broken_by(what)
}
