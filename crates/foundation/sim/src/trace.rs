//! What happened, in order: a rolling hash over all of it, and its last events for people.
//!
//! The hash covers what each call was and how it ended, not the bytes that SQLite writes: the salt
//! of its log is drawn once a process (`sqlite3_randomness`) and is compared for equality only.

use std::collections::VecDeque;
use std::fmt;

/// Events kept for a report.
const KEPT: usize = 2_048;

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum What {
    /// A file was opened.
    Open,
    /// Bytes were read.
    Read,
    /// Bytes were written.
    Write,
    /// A file was cut off or lengthened.
    SetLen,
    /// A file was flushed.
    Sync,
    /// A file was looked up.
    Stat,
    /// A name was changed.
    Rename,
    /// A name was added.
    Link,
    /// A name was taken away.
    Remove,
    /// A folder was made.
    MakeFolder,
    /// A folder was read.
    List,
    /// A folder was flushed.
    SyncFolder,
    /// The call before failed, by plan.
    Failed,
    /// Power went.
    PowerLoss,
    /// Power came back.
    PowerOn,
    /// The process ended, the machine went on.
    Kill,
    /// The disk has no room for more than so many bytes.
    Capacity,
    /// A task was polled.
    Poll,
    /// Blocking work went on.
    Resume,
    /// A message was sent.
    Send,
    /// A message arrived.
    Deliver,
    /// A message was lost.
    Lose,
    /// A message was doubled.
    Double,
    /// A timer went off.
    Timer,
    /// The way from one node to another was cut.
    Cut,
    /// It was healed.
    Heal,
    /// A clock was set.
    ClockStep,
    /// A client began an operation.
    Begin,
    /// It was answered.
    Answer,
    /// It was refused.
    Refuse,
    /// A check looked at the state.
    Check,
}

/// One thing that happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, in microseconds of simulated time.
    pub at_us: u64,
    /// Where.
    pub node: u32,
    /// What.
    pub what: What,
    /// Its object: an inode, a task, another node.
    pub of: u64,
    /// More about it: an offset, a count.
    pub detail: u64,
}

impl fmt::Display for Event {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at_us, node, what, of, detail } = self;
        write!(out, "{:>12.6}s  node {node}  {what:?} {of} {detail}", *at_us as f64 / 1e6)
    }
}

/// The events of a run.
#[derive(Clone, Debug)]
pub struct Trace {
    hash: u64,
    count: u64,
    last: VecDeque<Event>,
}

impl Default for Trace {
    fn default() -> Self {
        Self { hash: 0x9e37_79b9_7f4a_7c15, count: 0, last: VecDeque::new() }
    }
}

impl Trace {
    /// Adds an event: 5 ns.
    pub fn note(&mut self, event: Event) {
        let words =
            [event.at_us, u64::from(event.node) << 8 | event.what as u64, event.of, event.detail];
        for word in words {
            self.hash = (self.hash.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
        self.count += 1;
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(event);
    }

    /// One number for all events so far: equal for equal runs.
    pub fn hash(&self) -> u64 {
        self.hash ^ self.count
    }

    /// How many events there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The last events, oldest first.
    pub fn last(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.last.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(of: u64) -> Event {
        Event { at_us: 1, node: 0, what: What::Write, of, detail: 0 }
    }

    #[test]
    fn the_hash_tells_order_and_count_apart() {
        let hash = |events: &[u64]| {
            let mut trace = Trace::default();
            events.iter().for_each(|of| trace.note(event(*of)));
            trace.hash()
        };
        assert_eq!(hash(&[1, 2]), hash(&[1, 2]));
        assert_ne!(hash(&[1, 2]), hash(&[2, 1]));
        assert_ne!(hash(&[1]), hash(&[1, 1]));
    }

    #[test]
    fn only_the_last_events_are_kept() {
        let mut trace = Trace::default();
        (0..3_000).for_each(|of| trace.note(event(of)));
        assert_eq!((trace.count(), trace.last().count()), (3_000, KEPT));
        assert_eq!(trace.last().next_back().map(|event| event.of), Some(2_999));
    }
}
