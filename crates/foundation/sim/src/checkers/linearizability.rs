//! Whether a concurrent history could have been one after the other: each operation at one moment
//! between its call and its answer.
//!
//! Source: Wing and Gong, "Testing and Verifying Concurrent Objects" (1993), with the memory of
//! visited states of Lowe, "Testing for Linearizability" (2017), and the partition by key of
//! Horn and Kroening (2015), as in Porcupine. Exponential at worst; the memory makes histories of
//! thousands of operations and a few clients a matter of milliseconds.
//!
//! An operation without an answer may have taken effect at any later moment, or never.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Debug;
use std::hash::Hash;

/// A sequential specification.
pub trait Model {
    /// The state of one key.
    type State: Clone + Eq + Hash + Debug;
    /// What a client asks.
    type Ask: Clone + Debug;
    /// What it is answered.
    type Answer: Clone + Debug;

    /// Before the first operation.
    fn start() -> Self::State;

    /// The state after `ask`, none when it would not be answered so. Without an answer every
    /// outcome is right.
    fn step(
        state: &Self::State,
        ask: &Self::Ask,
        answer: Option<&Self::Answer>,
    ) -> Option<Self::State>;
}

/// One operation as its client saw it.
#[derive(Clone, Debug)]
pub struct Operation<M: Model> {
    /// Whose.
    pub client: u32,
    /// Keys are independent of each other.
    pub key: u64,
    /// What was asked.
    pub ask: M::Ask,
    /// When, by one clock for all clients.
    pub called_at: u64,
    /// The answer and when it came; none when it never did.
    pub answered: Option<(u64, M::Answer)>,
}

/// What came of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order.
    Linearizable,
    /// There is none.
    Violated {
        /// The key without one.
        key: u64,
        /// The longest run of operations that has an order, as text, and the first after it.
        story: Vec<String>,
    },
    /// The steps were used up first.
    Unknown {
        /// The key that took too long.
        key: u64,
    },
}

/// Judges a history, key by key; gives up on a key after `steps_max` steps, 100 ns each.
pub fn check<M: Model>(history: &[Operation<M>], steps_max: u64) -> Verdict {
    let mut keys: BTreeMap<u64, Vec<&Operation<M>>> = BTreeMap::new();
    for operation in history {
        keys.entry(operation.key).or_default().push(operation);
    }
    for (key, operations) in keys {
        match Search::new(operations).run(steps_max) {
            Verdict::Linearizable => {}
            Verdict::Violated { story, .. } => return Verdict::Violated { key, story },
            Verdict::Unknown { .. } => return Verdict::Unknown { key },
        }
    }
    Verdict::Linearizable
}

/// A call or an answer, in a list from which operations are taken and put back.
struct Moment {
    operation: usize,
    is_call: bool,
    previous: usize,
    next: usize,
}

const HEAD: usize = 0;
const NONE: usize = usize::MAX;

struct Search<'h, M: Model> {
    operations: Vec<&'h Operation<M>>,
    moments: Vec<Moment>,
    call_of: Vec<usize>,
    answer_of: Vec<usize>,
    taken: Bits,
    /// Operations in the order found so far, with the state before each.
    order: Vec<(usize, M::State)>,
    longest: Vec<usize>,
    seen: HashSet<(Bits, M::State)>,
}

impl<'h, M: Model> Search<'h, M> {
    fn new(operations: Vec<&'h Operation<M>>) -> Self {
        let mut times: Vec<(u64, bool, usize)> = Vec::new();
        for (number, operation) in operations.iter().enumerate() {
            times.push((operation.called_at, false, number));
            let answered_at = operation.answered.as_ref().map_or(u64::MAX, |(at, _)| *at);
            times.push((answered_at, true, number));
        }
        // At one moment calls come first: such operations are concurrent.
        times.sort();
        let head = Moment { operation: NONE, is_call: true, previous: NONE, next: NONE };
        let mut moments = vec![head];
        let mut call_of = vec![NONE; operations.len()];
        let mut answer_of = vec![NONE; operations.len()];
        for (_, is_answer, operation) in times {
            let place = moments.len();
            let moment = Moment { operation, is_call: !is_answer, previous: place - 1, next: NONE };
            moments[place - 1].next = place;
            moments.push(moment);
            let of = if is_answer { &mut answer_of } else { &mut call_of };
            of[operation] = place;
        }
        let taken = Bits::new(operations.len());
        Self {
            operations,
            moments,
            call_of,
            answer_of,
            taken,
            order: Vec::new(),
            longest: Vec::new(),
            seen: HashSet::new(),
        }
    }

    fn run(mut self, steps_max: u64) -> Verdict {
        let mut state = M::start();
        let mut place = self.moments[HEAD].next;
        for _ in 0..steps_max {
            if self.moments[HEAD].next == NONE {
                return Verdict::Linearizable;
            }
            let moment = &self.moments[place];
            let (operation, next) = (moment.operation, moment.next);
            if moment.is_call {
                match self.try_next(operation, &state) {
                    Some(after) => {
                        self.order.push((operation, std::mem::replace(&mut state, after)));
                        self.take(operation);
                        place = self.moments[HEAD].next;
                    }
                    None => place = next,
                }
                continue;
            }
            // An answer whose operation is not in the order: the last choice was wrong.
            if self.operations[operation].answered.is_none() {
                // It never took effect, as far as anyone saw.
                return Verdict::Linearizable;
            }
            if self.order.len() > self.longest.len() {
                self.longest = self.order.iter().map(|(operation, _)| *operation).collect();
            }
            match self.order.pop() {
                None => return Verdict::Violated { key: 0, story: self.story() },
                Some((last, before)) => {
                    state = before;
                    self.put_back(last);
                    place = self.moments[self.call_of[last]].next;
                }
            }
        }
        Verdict::Unknown { key: 0 }
    }

    fn try_next(&mut self, operation: usize, state: &M::State) -> Option<M::State> {
        let asked = self.operations[operation];
        let answer = asked.answered.as_ref().map(|(_, answer)| answer);
        let after = M::step(state, &asked.ask, answer)?;
        let mut taken = self.taken.clone();
        taken.set(operation, true);
        self.seen.insert((taken, after.clone())).then_some(after)
    }

    fn take(&mut self, operation: usize) {
        self.taken.set(operation, true);
        for place in [self.call_of[operation], self.answer_of[operation]] {
            let (previous, next) = (self.moments[place].previous, self.moments[place].next);
            self.moments[previous].next = next;
            if next != NONE {
                self.moments[next].previous = previous;
            }
        }
    }

    fn put_back(&mut self, operation: usize) {
        self.taken.set(operation, false);
        for place in [self.answer_of[operation], self.call_of[operation]] {
            let (previous, next) = (self.moments[place].previous, self.moments[place].next);
            self.moments[previous].next = place;
            if next != NONE {
                self.moments[next].previous = place;
            }
        }
    }

    fn story(&self) -> Vec<String> {
        let told = |number: &usize| {
            let Operation { client, ask, answered, .. } = self.operations[*number];
            match answered {
                Some((_, answer)) => format!("client {client}: {ask:?} -> {answer:?}"),
                None => format!("client {client}: {ask:?} -> no answer"),
            }
        };
        let mut story: Vec<String> = self.longest.iter().map(told).collect();
        let stuck = (0..self.operations.len()).filter(|number| {
            self.operations[*number].answered.is_some() && !self.longest.contains(number)
        });
        let first =
            stuck.min_by_key(|number| self.operations[*number].answered.as_ref().map(|a| a.0));
        story.extend(first.map(|number| format!("no place for {}", told(&number))));
        story
    }
}

/// Which operations are in the order.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Bits(Box<[u64]>);

impl Bits {
    fn new(count: usize) -> Self {
        Self(vec![0; count.div_ceil(64)].into())
    }

    fn set(&mut self, at: usize, value: bool) {
        let bit = 1 << (at % 64);
        if value { self.0[at / 64] |= bit } else { self.0[at / 64] &= !bit }
    }
}

#[cfg(test)]
mod tests;
