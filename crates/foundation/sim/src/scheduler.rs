//! Every task, job and timer of every machine on one thread, in an order that the seed decides.
//!
//! Async tasks are polled where the loop stands; blocking jobs run on [`fiber`]s and leave them at
//! each call to the disk and at each lock that is taken. What is due at one moment runs in drawn
//! order, and whatever is woken waits a drawn moment, so that orders differ from seed to seed.
//! Simulated time jumps from one event to the next.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};

use corosensei::stack::DefaultStack;
use kit::machine::{Machine, Task, enter};
use parking_lot::Mutex;

use crate::fiber::{self, Fiber};
use crate::machine::SimMachine;
use crate::seed::{Rng, Seed};
use crate::trace::{Event, Trace, What};

/// What is woken runs within so many microseconds.
const WAKE_US: u64 = 50;
/// How often jobs of a machine that ends are gone through before one counts as stuck.
const ROUNDS_MAX: u32 = 100_000;

/// What is to be done at some moment.
pub(crate) enum Wake {
    Task(u64),
    Job(u64),
    Sleeper(Waker),
}

struct Due {
    at_us: u64,
    tie: u32,
    order: u64,
    wake: Wake,
}

impl Due {
    fn key(&self) -> (u64, u32, u64) {
        (self.at_us, self.tie, self.order)
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

/// What machines and wakers reach of the world.
pub(crate) struct Shared {
    now_us: AtomicU64,
    state: Mutex<State>,
    trace: Mutex<Trace>,
}

struct State {
    rng: Rng,
    order: u64,
    queue: BinaryHeap<Reverse<Due>>,
    new_tasks: Vec<(u32, Task)>,
    new_jobs: Vec<(u32, Box<dyn FnOnce() + Send>)>,
}

impl Shared {
    pub(crate) fn now_us(&self) -> u64 {
        self.now_us.load(Ordering::Relaxed)
    }

    pub(crate) fn note(&self, node: u32, what: What, of: u64, detail: u64) {
        self.trace.lock().note(Event { at_us: self.now_us(), node, what, of, detail });
    }

    pub(crate) fn draw(&self, bound: u64) -> u64 {
        self.state.lock().rng.below(bound)
    }

    pub(crate) fn wake_at(&self, at_us: u64, wake: Wake) {
        let mut state = self.state.lock();
        let tie = state.rng.bits() as u32;
        state.order += 1;
        let order = state.order;
        state.queue.push(Reverse(Due { at_us, tie, order, wake }));
    }

    pub(crate) fn add_task(&self, node: u32, task: Task) {
        self.state.lock().new_tasks.push((node, task));
    }

    pub(crate) fn add_job(&self, node: u32, work: Box<dyn FnOnce() + Send>) {
        self.state.lock().new_jobs.push((node, work));
    }

    fn soon(&self, wake: Wake) {
        let delay_us = self.draw(WAKE_US);
        self.wake_at(self.now_us() + delay_us, wake);
    }
}

struct TaskWaker {
    shared: Weak<Shared>,
    number: u64,
    is_due: AtomicBool,
}

impl std::task::Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(shared) = self.shared.upgrade()
            && !self.is_due.swap(true, Ordering::Relaxed)
        {
            shared.soon(Wake::Task(self.number));
        }
    }
}

struct RunningTask {
    node: u32,
    task: Task,
    waker: Arc<TaskWaker>,
}

/// Why [`World::run`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The time it was to run until has come.
    Time,
    /// Nothing is left to do.
    Idle,
    /// A machine lost power, or its process ended.
    Off(u32),
}

/// Machines, and all that runs on them.
pub struct World {
    seed: Seed,
    shared: Arc<Shared>,
    machines: Vec<Arc<SimMachine>>,
    /// No task or job of a machine runs before this moment.
    paused_until_us: Vec<u64>,
    tasks: BTreeMap<u64, RunningTask>,
    jobs: BTreeMap<u64, (u32, Fiber)>,
    stacks: Vec<DefaultStack>,
    next_number: u64,
    panics: Vec<String>,
}

impl World {
    /// A world without machines.
    pub fn new(seed: Seed) -> Self {
        let state = State {
            rng: seed.fork("scheduler").rng(),
            order: 0,
            queue: BinaryHeap::new(),
            new_tasks: Vec::new(),
            new_jobs: Vec::new(),
        };
        let shared =
            Shared { now_us: AtomicU64::new(0), state: Mutex::new(state), trace: Mutex::default() };
        Self {
            seed,
            shared: Arc::new(shared),
            machines: Vec::new(),
            paused_until_us: Vec::new(),
            tasks: BTreeMap::new(),
            jobs: BTreeMap::new(),
            stacks: Vec::new(),
            next_number: 0,
            panics: Vec::new(),
        }
    }

    /// One more machine.
    pub fn add_machine(&mut self) -> Arc<SimMachine> {
        let node = self.machines.len() as u32;
        let seed = self.seed.fork("machine").numbered(u64::from(node));
        let machine = SimMachine::new(&self.shared, node, seed);
        self.machines.push(Arc::clone(&machine));
        self.paused_until_us.push(0);
        machine
    }

    /// Simulated microseconds so far.
    pub fn now_us(&self) -> u64 {
        self.shared.now_us()
    }

    /// A copy of the trace so far.
    pub fn trace(&self) -> Trace {
        self.shared.trace.lock().clone()
    }

    /// What tasks and jobs panicked with: none in a sound run.
    pub fn panics(&self) -> &[String] {
        &self.panics
    }

    /// Runs `task` on `machine`.
    pub fn spawn(&self, machine: &SimMachine, task: impl Future<Output = ()> + Send + 'static) {
        self.shared.add_task(machine.node(), Box::pin(task));
    }

    /// Runs `task` on `machine` and goes on until it ends; none: a machine lost power before.
    /// Panics when anything that runs does.
    pub fn complete<T: Send + 'static>(
        &mut self,
        machine: &SimMachine,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let outcome = Arc::new(Mutex::new(None));
        let place = Arc::clone(&outcome);
        self.spawn(machine, async move { *place.lock() = Some(task.await) });
        loop {
            let stopped = self.run(self.now_us() + 1_000);
            assert!(self.panics().is_empty(), "{:?}", self.panics());
            let ended = outcome.lock().take();
            if ended.is_some() || matches!(stopped, Stopped::Off(_)) {
                return ended;
            }
        }
    }

    /// Runs blocking `work` on `machine`.
    pub fn spawn_blocking(&self, machine: &SimMachine, work: impl FnOnce() + Send + 'static) {
        self.shared.add_job(machine.node(), Box::new(work));
    }

    /// Lets nothing run on `machine` for `span_us`, as when its process is stopped.
    pub fn pause(&mut self, machine: &SimMachine, span_us: u64) {
        self.paused_until_us[machine.node() as usize] = self.now_us() + span_us;
    }

    /// Goes on until simulated time is `until_us`, nothing is left to do, or a machine is off.
    pub fn run(&mut self, until_us: u64) -> Stopped {
        loop {
            self.take_in();
            let due = {
                let mut state = self.shared.state.lock();
                match state.queue.peek() {
                    None => return Stopped::Idle,
                    Some(Reverse(due)) if due.at_us > until_us => {
                        self.shared.now_us.store(until_us, Ordering::Relaxed);
                        return Stopped::Time;
                    }
                    Some(_) => state.queue.pop(),
                }
            };
            let Some(Reverse(due)) = due else { return Stopped::Idle };
            self.shared.now_us.fetch_max(due.at_us, Ordering::Relaxed);
            let Some(node) = self.perform(due.wake) else { continue };
            if !self.machines[node as usize].sim_disk().is_on() {
                return Stopped::Off(node);
            }
        }
    }

    /// Ends all that runs on `machine`, which is off: tasks where they stand; jobs, whose every
    /// call fails now, by their own way out.
    pub fn empty(&mut self, machine: &SimMachine) {
        let node = machine.node();
        machine.set_ending(true);
        for _ in 0..ROUNDS_MAX {
            self.take_in();
            let tasks: Vec<u64> = of_node(&self.tasks, |task| task.node == node);
            for number in tasks {
                let task = self.tasks.remove(&number);
                self.on_machine(node, || drop(task));
            }
            let jobs = of_node(&self.jobs, |(of, _)| *of == node);
            if jobs.is_empty() {
                break;
            }
            for number in jobs {
                self.resume(number);
            }
        }
        if !of_node(&self.jobs, |(of, _)| *of == node).is_empty() {
            self.panics.push("a job did not end when its machine had no power".to_owned());
            self.jobs.retain(|_, (of, _)| *of != node);
        }
        machine.set_ending(false);
    }

    fn perform(&mut self, wake: Wake) -> Option<u32> {
        let node = match &wake {
            Wake::Sleeper(waker) => {
                waker.wake_by_ref();
                return None;
            }
            Wake::Task(number) => self.tasks.get(number)?.node,
            Wake::Job(number) => self.jobs.get(number)?.0,
        };
        let paused_until_us = self.paused_until_us[node as usize];
        if paused_until_us > self.now_us() {
            self.shared.wake_at(paused_until_us, wake);
            return None;
        }
        match wake {
            Wake::Task(number) => self.poll(number),
            Wake::Job(number) => {
                self.shared.note(node, What::Resume, number, 0);
                if let Some(span_us) = self.resume(number) {
                    self.shared.wake_at(self.now_us() + span_us, Wake::Job(number));
                }
            }
            Wake::Sleeper(_) => {}
        }
        Some(node)
    }

    fn poll(&mut self, number: u64) {
        let Some(mut running) = self.tasks.remove(&number) else { return };
        self.shared.note(running.node, What::Poll, number, 0);
        running.waker.is_due.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&running.waker));
        let mut context = Context::from_waker(&waker);
        let node = running.node;
        let polled = self.on_machine(node, || {
            catch_unwind(AssertUnwindSafe(|| running.task.as_mut().poll(&mut context)))
        });
        match polled {
            Ok(Poll::Pending) => drop(self.tasks.insert(number, running)),
            Ok(Poll::Ready(())) => self.on_machine(node, || drop(running)),
            Err(cause) => self.panics.push(fiber::text_of(cause.as_ref())),
        }
    }

    fn resume(&mut self, number: u64) -> Option<u64> {
        let (node, mut job) = self.jobs.remove(&number)?;
        match self.on_machine(node, || job.resume()) {
            Some(span_us) => {
                self.jobs.insert(number, (node, job));
                Some(span_us)
            }
            None => {
                let (stack, panic) = job.end();
                self.stacks.extend(stack);
                self.panics.extend(panic);
                None
            }
        }
    }

    fn on_machine<T>(&self, node: u32, work: impl FnOnce() -> T) -> T {
        let machine = Arc::clone(&self.machines[node as usize]);
        let _entered = enter(machine as Arc<dyn Machine>);
        work()
    }

    fn take_in(&mut self) {
        let (tasks, jobs) = {
            let mut state = self.shared.state.lock();
            if state.new_tasks.is_empty() && state.new_jobs.is_empty() {
                return;
            }
            (std::mem::take(&mut state.new_tasks), std::mem::take(&mut state.new_jobs))
        };
        for (node, task) in tasks {
            let number = self.number();
            let shared = Arc::downgrade(&self.shared);
            let waker = Arc::new(TaskWaker { shared, number, is_due: AtomicBool::new(true) });
            self.tasks.insert(number, RunningTask { node, task, waker });
            self.shared.soon(Wake::Task(number));
        }
        for (node, work) in jobs {
            let number = self.number();
            let stack = self.stacks.pop().map_or_else(fiber::stack, Ok);
            match stack {
                Ok(stack) => drop(self.jobs.insert(number, (node, Fiber::new(stack, work)))),
                Err(error) => self.panics.push(format!("no stack for a job: {error}")),
            }
            self.shared.soon(Wake::Job(number));
        }
    }

    fn number(&mut self) -> u64 {
        self.next_number += 1;
        self.next_number
    }
}

fn of_node<T>(all: &BTreeMap<u64, T>, is_of: impl Fn(&T) -> bool) -> Vec<u64> {
    all.iter().filter(|(_, one)| is_of(one)).map(|(number, _)| *number).collect()
}

impl Drop for World {
    fn drop(&mut self) {
        for machine in self.machines.clone() {
            machine.sim_disk().kill();
            self.empty(&machine);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kit::clock::{self, Clock};
    use std::time::Duration;

    fn run(seed: u64) -> (Vec<String>, u64, u64) {
        let mut world = World::new(Seed(seed));
        let machine = world.add_machine();
        let seen = Arc::new(Mutex::new(Vec::new()));
        for name in ["a", "b", "c"] {
            let seen = Arc::clone(&seen);
            world.spawn(&machine, async move {
                for turn in 0..3 {
                    clock::pause(Duration::from_secs(1)).await;
                    let answer = kit::machine::blocking(move || turn * 2).await;
                    seen.lock().push(format!("{name}{}", answer.unwrap()));
                }
            });
        }
        assert_eq!(world.run(10_000_000), Stopped::Idle);
        assert!(world.panics().is_empty());
        let seen = seen.lock().clone();
        (seen, world.trace().hash(), world.now_us())
    }

    #[test]
    fn a_seed_is_an_order_and_time_jumps() {
        let (seen, hash, now_us) = run(1);
        assert_eq!(run(1), (seen.clone(), hash, now_us));
        assert!((3_000_000..3_001_000).contains(&now_us));
        let orders: std::collections::BTreeSet<_> = (0..30).map(|seed| run(seed).0).collect();
        assert!(orders.len() > 20, "{}", orders.len());
        assert!(seen.iter().take(3).all(|name| name.ends_with('0')));
    }

    #[test]
    fn a_clock_of_kit_shows_the_machines_time() {
        let mut world = World::new(Seed(1));
        let machine = world.add_machine();
        machine.clock().lock().step(5_000_000);
        let shown = Arc::new(Mutex::new(0));
        let place = Arc::clone(&shown);
        world.spawn(&machine, async move {
            let clock = Clock::system();
            clock.sleep(Duration::from_secs(60)).await;
            *place.lock() = clock.now().micros();
        });
        world.run(100_000_000);
        let ahead = *shown.lock() - crate::clock::EPOCH_US;
        assert!((65_000_000..65_001_000).contains(&ahead), "{ahead}");
    }

    #[test]
    fn a_machine_without_power_is_emptied() {
        let mut world = World::new(Seed(1));
        let machine = world.add_machine();
        let ended = Arc::new(Mutex::new(Vec::new()));
        let place = Arc::clone(&ended);
        world.spawn_blocking(&machine, move || {
            let written = kit::disk::create_dir(std::path::Path::new("/a"))
                .and_then(|()| kit::disk::create_dir(std::path::Path::new("/b")));
            place.lock().push(written.is_ok());
        });
        machine.sim_disk().lose_power_before_call(2);
        assert_eq!(world.run(1_000_000), Stopped::Off(0));
        world.empty(&machine);
        assert_eq!(*ended.lock(), [false]);
        machine.sim_disk().power_on();
        assert_eq!(world.run(1_000_000), Stopped::Idle);
    }

    #[test]
    fn nothing_runs_on_a_machine_that_is_paused() {
        let mut world = World::new(Seed(1));
        let machine = world.add_machine();
        let at = Arc::new(Mutex::new(0));
        let place = Arc::clone(&at);
        world.spawn(&machine, async move {
            clock::pause(Duration::from_millis(1)).await;
            *place.lock() = Clock::system().now().micros() - crate::clock::EPOCH_US;
        });
        world.run(500);
        world.pause(&machine, 2_000_000);
        world.run(10_000_000);
        assert!(*at.lock() >= 2_000_000);
    }
}
