//! One simulated machine under kit: its disk, its clock, and its part of the scheduler.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use kit::disk::Disk;
use kit::machine::{Machine, Mistake, Task};
use parking_lot::Mutex;

use crate::clock::NodeClock;
use crate::disk::{Host, SimDisk};
use crate::fiber;
use crate::scheduler::{Shared, Wake};
use crate::seed::Seed;
use crate::trace::What;

/// Longest wait, in microseconds, before a job that found a lock taken tries again.
const PASS_US: u64 = 400;

/// A machine of a simulation.
pub struct SimMachine {
    disk: SimDisk,
    core: Arc<Core>,
    mistakes: Mutex<Vec<Mistake>>,
}

/// What the disk needs of its machine too.
struct Core {
    shared: Arc<Shared>,
    node: u32,
    clock: Mutex<NodeClock>,
    /// While it is being emptied no time passes on it.
    is_ending: AtomicBool,
}

impl SimMachine {
    pub(crate) fn new(shared: &Arc<Shared>, node: u32, seed: Seed) -> Arc<Self> {
        let core = Arc::new(Core {
            shared: Arc::clone(shared),
            node,
            clock: Mutex::default(),
            is_ending: AtomicBool::new(false),
        });
        let disk = SimDisk::new(seed.fork("disk"), Arc::clone(&core) as Arc<dyn Host>);
        Arc::new(Self { disk, core, mistakes: Mutex::default() })
    }

    /// Its disk, to plan faults of.
    pub fn sim_disk(&self) -> &SimDisk {
        &self.disk
    }

    /// Its number.
    pub fn node(&self) -> u32 {
        self.core.node
    }

    /// True simulated time, in microseconds since the beginning.
    pub fn elapsed_us(&self) -> u64 {
        self.core.shared.now_us()
    }

    /// Its clock, to be set wrong.
    pub fn clock(&self) -> &Mutex<NodeClock> {
        &self.core.clock
    }

    /// Has kit make `mistake` on this machine.
    pub fn plant(&self, mistake: Mistake) {
        self.mistakes.lock().push(mistake);
    }

    /// Notes something of its own in the trace.
    pub fn note(&self, what: What, of: u64, detail: u64) {
        self.core.note(what, of, detail);
    }

    pub(crate) fn set_ending(&self, is_ending: bool) {
        self.core.is_ending.store(is_ending, Ordering::Relaxed);
    }
}

impl Host for Core {
    fn let_pass(&self, span_us: u64) {
        if !self.is_ending.load(Ordering::Relaxed) {
            fiber::suspend(span_us);
        }
    }

    fn note(&self, what: What, of: u64, detail: u64) {
        self.shared.note(self.node, what, of, detail);
    }
}

impl Machine for SimMachine {
    fn disk(&self) -> &dyn Disk {
        &self.disk
    }

    fn now_us(&self) -> i64 {
        self.core.clock.lock().shows_us(self.core.shared.now_us())
    }

    fn sleep(&self, span: Duration) -> Task {
        let span_us = u64::try_from(span.as_micros()).unwrap_or(u64::MAX / 2);
        let until_us = self.core.shared.now_us().saturating_add(span_us);
        Box::pin(Sleep { shared: Arc::clone(&self.core.shared), until_us, is_set: false })
    }

    fn spawn(&self, task: Task) {
        self.core.shared.add_task(self.core.node, task);
    }

    fn run_blocking(&self, work: Box<dyn FnOnce() + Send>) {
        self.core.shared.add_job(self.core.node, work);
    }

    fn block_for(&self, span: Duration) {
        let span_us = u64::try_from(span.as_micros()).unwrap_or(u64::MAX / 2);
        assert!(fiber::suspend(span_us), "blocking work must run as `kit::machine::blocking`");
    }

    fn pass(&self) {
        let span_us = self.core.shared.draw(PASS_US) + 1;
        self.block_for(Duration::from_micros(span_us));
    }

    fn makes(&self, mistake: Mistake) -> bool {
        self.mistakes.lock().contains(&mistake)
    }
}

/// Ends once simulated time has come to `until_us`.
struct Sleep {
    shared: Arc<Shared>,
    until_us: u64,
    is_set: bool,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.shared.now_us() >= self.until_us {
            return Poll::Ready(());
        }
        if !self.is_set {
            self.is_set = true;
            self.shared.wake_at(self.until_us, Wake::Sleeper(context.waker().clone()));
        }
        Poll::Pending
    }
}
