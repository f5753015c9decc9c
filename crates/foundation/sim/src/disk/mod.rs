//! A disk in memory that tears, fails, fills up and loses power, as the fault model in the crate's
//! README allows and no further.
//!
//! Each call is counted and noted in the trace; it may fail, or be the one before which the power
//! goes. From then on every call fails until [`SimDisk::power_on`]; files that were open stay
//! useless. Calls take simulated time, during which others run.

mod faults;
mod inode;
mod names;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kit::disk::{Disk, DiskFile, Entry, Metadata, Open};
use parking_lot::Mutex;

use crate::seed::{Rng, Seed};
use crate::trace::What;
use faults::Schedule;
use inode::Inode;
use names::{Folders, ROOT};

pub use faults::{Failure, Lie};

/// Linux's number for an input/output error.
const EIO: i32 = 5;
/// Linux's number for no space left.
const ENOSPC: i32 = 28;

/// What a disk asks of the machine it is in.
pub trait Host: Send + Sync {
    /// Lets `span_us` of simulated time go by.
    fn let_pass(&self, span_us: u64);
    /// Notes what happened.
    fn note(&self, what: What, of: u64, detail: u64);
}

/// A simulated disk; clones are the same one.
#[derive(Clone)]
pub struct SimDisk {
    host: Arc<dyn Host>,
    state: Arc<Mutex<State>>,
}

struct State {
    rng: Rng,
    is_on: bool,
    /// Files opened before the last power loss are useless.
    boot: u64,
    device: u64,
    inodes: BTreeMap<u64, Node>,
    folders: Folders,
    next_inode: u64,
    capacity_bytes: Option<u64>,
    calls: u64,
    schedule: Schedule,
    lies: Vec<Lie>,
    slowness: u64,
}

struct Node {
    is_folder: bool,
    open: u32,
    content: Inode,
}

/// What a call that failed by plan comes to.
enum Step {
    Go,
    Short,
}

impl SimDisk {
    /// An empty disk.
    pub fn new(seed: Seed, host: Arc<dyn Host>) -> Self {
        /// Shared memory of a store is keyed by device, so no two machines may share one.
        static DEVICES: AtomicU64 = AtomicU64::new(1 << 32);
        let root = Node { is_folder: true, open: 0, content: Inode::default() };
        let state = State {
            rng: seed.rng(),
            is_on: true,
            boot: 0,
            device: DEVICES.fetch_add(1, Ordering::Relaxed),
            inodes: BTreeMap::from([(ROOT, root)]),
            folders: Folders::default(),
            next_inode: ROOT + 1,
            capacity_bytes: None,
            calls: 0,
            schedule: Schedule::default(),
            lies: Vec::new(),
            slowness: 1,
        };
        Self { host, state: Arc::new(Mutex::new(state)) }
    }

    /// How many calls there were.
    pub fn calls(&self) -> u64 {
        self.state.lock().calls
    }

    /// Lets the `nth` call from now (1: the next one) fail; 0 takes the order back.
    pub fn fail_call(&self, nth: u64, failure: Failure) {
        let mut state = self.state.lock();
        let at = state.calls + nth;
        state.schedule.fail = (nth > 0).then_some((at, failure));
    }

    /// Cuts the power before the `nth` call from now (1: the next one).
    pub fn lose_power_before_call(&self, nth: u64) {
        let mut state = self.state.lock();
        state.schedule.power_loss = Some(state.calls + nth);
    }

    /// Makes calls take so many times longer.
    pub fn set_slowness(&self, times: u64) {
        self.state.lock().slowness = times;
    }

    /// Sets how many bytes there is room for; none: without end.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.state.lock().capacity_bytes = bytes;
        self.host.note(What::Capacity, bytes.unwrap_or(u64::MAX), 0);
    }

    /// Bytes in use.
    pub fn used(&self) -> u64 {
        self.state.lock().used()
    }

    /// Plants a bug below the store.
    pub fn tell(&self, lie: Lie) {
        self.state.lock().lies.push(lie);
    }

    /// Whether it has power.
    pub fn is_on(&self) -> bool {
        self.state.lock().is_on
    }

    /// Ends the use of all open files: the process ends. Nothing is lost.
    pub fn kill(&self) {
        self.state.lock().is_on = false;
        self.host.note(What::Kill, 0, 0);
    }

    /// After [`SimDisk::kill`]: the next process.
    pub fn restart(&self) {
        self.state.lock().begin_boot();
    }

    /// After a power loss: keeps what was durable and what the seed says of the rest.
    pub fn power_on(&self) {
        let mut state = self.state.lock();
        let mut rng = state.rng.clone();
        for node in state.inodes.values_mut() {
            node.content.lose_power(&mut rng);
        }
        state.folders.lose_power(&mut rng);
        state.rng = rng;
        state.begin_boot();
        drop(state);
        self.host.note(What::PowerOn, 0, 0);
    }

    /// Changes one bit of a file at rest.
    ///
    /// # Errors
    /// When there is no such file.
    pub fn flip_bit(&self, path: &Path, at: u64, bit: u8) -> io::Result<()> {
        let mut state = self.state.lock();
        let inode = state.find(path)?;
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        state.content(inode)?.flip(at, bit);
        Ok(())
    }

    /// Counts a call and decides what becomes of it.
    fn begin(&self, what: What, of: u64, detail: u64) -> io::Result<Step> {
        let mut state = self.state.lock();
        if !state.is_on {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        state.calls += 1;
        let call = state.calls;
        if state.schedule.power_loss.is_some_and(|at| at <= call) {
            state.schedule.power_loss = None;
            state.is_on = false;
            drop(state);
            self.host.note(What::PowerLoss, of, detail);
            return Err(io::Error::from_raw_os_error(EIO));
        }
        let failure = state.schedule.fail.filter(|(at, _)| *at == call).map(|(_, how)| how);
        drop(state);
        self.host.note(what, of, detail);
        let needs_room = matches!(
            what,
            What::Write | What::SetLen | What::Open | What::Link | What::MakeFolder | What::Rename
        );
        match failure {
            None => Ok(Step::Go),
            Some(Failure::Short) if matches!(what, What::Write | What::Read) => {
                self.host.note(What::Failed, of, u64::MAX);
                Ok(Step::Short)
            }
            Some(failure) => {
                self.host.note(What::Failed, of, detail);
                let full = failure == Failure::Full && needs_room;
                Err(io::Error::from_raw_os_error(if full { ENOSPC } else { EIO }))
            }
        }
    }

    /// Time for a call to take, drawn between two bounds.
    fn take(&self, at_least_us: u64, at_most_us: u64) {
        let span_us = {
            let mut state = self.state.lock();
            state.rng.within(at_least_us..=at_most_us) * state.slowness
        };
        self.host.let_pass(span_us);
    }

    /// A call on names: done at once, then its time goes by.
    fn on_names<T>(
        &self,
        what: What,
        path: &Path,
        work: impl FnOnce(&mut State) -> io::Result<T>,
    ) -> io::Result<T> {
        let of = self.state.lock().folders.find(path).unwrap_or(0);
        self.begin(what, of, 0)?;
        let done = work(&mut self.state.lock());
        if !matches!(what, What::Stat | What::List) {
            self.take(20, 200);
        }
        done
    }
}

impl State {
    fn begin_boot(&mut self) {
        self.boot += 1;
        self.is_on = true;
        self.schedule = Schedule::default();
        let named = self.folders.all_that_may_have();
        self.inodes.retain(|number, node| {
            node.open = 0;
            *number == ROOT || named.contains(number)
        });
    }

    fn find(&self, path: &Path) -> io::Result<u64> {
        self.folders.find(path).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn place(&self, path: &Path) -> io::Result<(u64, OsString)> {
        let place = self.folders.place(path);
        place.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn content(&mut self, inode: u64) -> io::Result<&mut Inode> {
        let node = self.inodes.get_mut(&inode);
        node.map(|node| &mut node.content).ok_or_else(|| io::Error::from_raw_os_error(EIO))
    }

    fn used(&self) -> u64 {
        self.inodes.values().map(|node| node.content.len() as u64).sum()
    }

    /// How many of `bytes` more there is room for.
    fn room_for(&self, bytes: u64) -> u64 {
        match self.capacity_bytes {
            Some(capacity) => bytes.min(capacity.saturating_sub(self.used())),
            None => bytes,
        }
    }

    fn lies(&self, lie: impl Fn(&Lie) -> bool) -> bool {
        self.lies.iter().any(lie)
    }

    fn metadata(&self, inode: u64) -> io::Result<Metadata> {
        let node = self.inodes.get(&inode).ok_or(io::ErrorKind::NotFound)?;
        let hides = self.lies(|lie| *lie == Lie::HidesLinks);
        Ok(Metadata {
            bytes: node.content.len() as u64,
            device: self.device,
            inode,
            links: if hides { 1 } else { self.folders.links(inode) },
            is_dir: node.is_folder,
        })
    }

    fn make(&mut self, place: (u64, OsString), is_folder: bool) -> io::Result<u64> {
        if self.capacity_bytes.is_some_and(|capacity| capacity <= self.used()) {
            return Err(io::Error::from_raw_os_error(ENOSPC));
        }
        let inode = self.next_inode;
        self.next_inode += 1;
        self.inodes.insert(inode, Node { is_folder, open: 0, content: Inode::default() });
        self.folders.set(vec![(place, Some(inode))]);
        Ok(inode)
    }

    /// Frees what has no name and is not open, now and after a power loss.
    fn free_unnamed(&mut self, inode: u64) {
        let is_open = self.inodes.get(&inode).is_some_and(|node| node.open > 0);
        if inode != ROOT && !is_open && !self.folders.may_have(inode) {
            self.inodes.remove(&inode);
        }
    }

    fn free_all_unnamed(&mut self) {
        let named = self.folders.all_that_may_have();
        self.inodes.retain(|inode, node| *inode == ROOT || node.open > 0 || named.contains(inode));
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Box<dyn DiskFile>> {
        let inode = self.on_names(What::Open, path, |state| {
            let inode = match state.find(path) {
                Ok(inode) => inode,
                Err(missing) if matches!(how, Open::Read | Open::Write) => return Err(missing),
                Err(_) => state.make(state.place(path)?, false)?,
            };
            if how == Open::Empty && state.content(inode)?.len() > 0 {
                state.content(inode)?.set_len(0);
            }
            if let Some(node) = state.inodes.get_mut(&inode) {
                node.open += 1;
            }
            Ok(inode)
        })?;
        let boot = self.state.lock().boot;
        let name = path.to_string_lossy().into_owned();
        Ok(Box::new(OpenFile { disk: self.clone(), inode, boot, name }))
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        self.on_names(What::Stat, path, |state| state.metadata(state.find(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.on_names(What::Rename, from, |state| {
            let inode = state.find(from)?;
            let (old, new) = (state.place(from)?, state.place(to)?);
            state.folders.set(vec![(old, None), (new, Some(inode))]);
            Ok(())
        })
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.on_names(What::Link, from, |state| {
            let (inode, place) = (state.find(from)?, state.place(to)?);
            if state.folders.find(to).is_some() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.folders.set(vec![(place, Some(inode))]);
            Ok(())
        })
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.on_names(What::Remove, path, |state| {
            let (inode, place) = (state.find(path)?, state.place(path)?);
            state.folders.set(vec![(place, None)]);
            state.free_unnamed(inode);
            Ok(())
        })
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.on_names(What::MakeFolder, path, |state| {
            if state.folders.find(path).is_some() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            state.make(state.place(path)?, true).map(drop)
        })
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.on_names(What::Remove, path, |state| {
            let (folder, place) = (state.find(path)?, state.place(path)?);
            if state.folders.list(folder).next().is_some() {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            state.folders.set(vec![(place, None)]);
            Ok(())
        })
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        self.on_names(What::List, folder, |state| {
            let entry = |(name, inode): (&OsString, u64)| Entry {
                path: folder.join(name),
                is_dir: state.inodes.get(&inode).is_some_and(|node| node.is_folder),
            };
            Ok(state.folders.list(state.find(folder)?).map(entry).collect())
        })
    }

    fn flush_folder(&self, folder: &Path) -> io::Result<()> {
        let inode = self.state.lock().find(folder)?;
        self.begin(What::SyncFolder, inode, 0)?;
        self.take(300, 4_000);
        let mut state = self.state.lock();
        if !state.is_on {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        if !state.lies(|lie| *lie == Lie::FlushesNoFolder) {
            state.folders.flush(inode);
            state.free_all_unnamed();
        }
        Ok(())
    }
}

struct OpenFile {
    disk: SimDisk,
    inode: u64,
    boot: u64,
    name: String,
}

impl OpenFile {
    fn begin(&self, what: What, detail: u64) -> io::Result<Step> {
        if self.disk.state.lock().boot != self.boot {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        self.disk.begin(what, self.inode, detail)
    }

    /// How many bytes a call that may end early gets through.
    fn cut(&self, step: Step, bytes: usize) -> usize {
        match step {
            Step::Go => bytes,
            Step::Short => self.disk.state.lock().rng.below(bytes as u64).max(1) as usize,
        }
    }

    fn sync(&self) -> io::Result<()> {
        let mark = self.disk.state.lock().content(self.inode)?.changes();
        let begun = self.begin(What::Sync, mark);
        if begun.is_ok() {
            self.disk.take(300, 4_000);
        }
        let mut state = self.disk.state.lock();
        if !state.is_on || state.boot != self.boot {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        if state.lies(|lie| matches!(lie, Lie::FlushesNothing(end) if self.name.ends_with(end))) {
            return Ok(());
        }
        if let Err(error) = begun {
            let mut rng = state.rng.clone();
            state.content(self.inode)?.flush_and_fail(&mut rng);
            state.rng = rng;
            return match state.lies(|lie| *lie == Lie::HidesFailedFlushes) {
                true => Ok(()),
                false => Err(error),
            };
        }
        state.content(self.inode)?.flush(mark);
        Ok(())
    }
}

impl DiskFile for OpenFile {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        let step = self.begin(What::Read, at)?;
        let bytes = self.cut(step, into.len()).max(1).min(into.len());
        let (count, waits) = {
            let mut state = self.disk.state.lock();
            let waits = state.rng.chance(1, 16);
            (state.content(self.inode)?.read(&mut into[..bytes], at), waits)
        };
        // Most reads are of what the page cache has.
        if waits {
            self.disk.take(20, 200);
        }
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        let step = self.begin(What::Write, at)?;
        let wanted = self.cut(step, bytes.len());
        let written = {
            let mut state = self.disk.state.lock();
            let held = state.content(self.inode)?.len() as u64;
            let more = (at + wanted as u64).saturating_sub(held);
            let lacking = more - state.room_for(more);
            let written = wanted - usize::try_from(lacking).unwrap_or(wanted).min(wanted);
            if written == 0 && !bytes.is_empty() {
                return Err(io::Error::from_raw_os_error(ENOSPC));
            }
            let at = usize::try_from(at).map_err(|_| io::Error::from_raw_os_error(ENOSPC))?;
            state.content(self.inode)?.write(&bytes[..written], at);
            written
        };
        self.disk.take(2, 40);
        Ok(written)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.begin(What::SetLen, bytes)?;
        let mut state = self.disk.state.lock();
        let held = state.content(self.inode)?.len() as u64;
        let more = bytes.saturating_sub(held);
        let bytes = usize::try_from(bytes).map_err(|_| io::Error::from_raw_os_error(ENOSPC))?;
        if state.room_for(more) < more {
            return Err(io::Error::from_raw_os_error(ENOSPC));
        }
        state.content(self.inode)?.set_len(bytes);
        Ok(())
    }

    fn metadata(&self) -> io::Result<Metadata> {
        self.begin(What::Stat, 0)?;
        self.disk.state.lock().metadata(self.inode)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync()
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        let mut state = self.disk.state.lock();
        if state.boot != self.boot {
            return;
        }
        if let Some(node) = state.inodes.get_mut(&self.inode) {
            node.open = node.open.saturating_sub(1);
        }
        state.free_unnamed(self.inode);
    }
}

#[cfg(test)]
mod tests;
