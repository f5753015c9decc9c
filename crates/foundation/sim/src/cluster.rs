//! Nodes that are pure state machines, and the messages between them: for protocols.
//!
//! A node is told what arrives and which timer went off, and says what it sends: no I/O, no clock.
//! So it runs here unchanged, a million messages a second (`benches`, see the README), and every
//! order of events follows from the seed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::network::{Network, Rules};
use crate::seed::Seed;
use crate::trace::{Event, Trace, What};

/// A state machine.
pub trait Node {
    /// What nodes tell each other.
    type Message: Clone;

    /// Called once when the node starts, and again after each restart.
    fn start(&mut self, out: &mut Out<Self::Message>);
    /// A message has arrived.
    fn receive(&mut self, from: u32, message: Self::Message, out: &mut Out<Self::Message>);
    /// The timer called `name` went off.
    fn timer(&mut self, name: u64, out: &mut Out<Self::Message>);
}

/// What a node wants done.
pub struct Out<M> {
    /// The node itself.
    pub node: u32,
    /// The time by its own clock, in microseconds.
    pub now_us: u64,
    messages: Vec<(u32, M)>,
    timers: Vec<(u64, u64)>,
}

impl<M> Out<M> {
    /// Sends a message, perhaps in vain.
    pub fn send(&mut self, to: u32, message: M) {
        self.messages.push((to, message));
    }

    /// Has the timer called `name` go off after `span_us`.
    pub fn set_timer(&mut self, name: u64, span_us: u64) {
        self.timers.push((name, span_us));
    }
}

enum Arrival<M> {
    Message { from: u32, message: M },
    Timer { name: u64, life: u32 },
}

struct Slot<N> {
    node: N,
    is_up: bool,
    /// Timers of an earlier life mean nothing.
    life: u32,
}

/// Nodes and the network between them.
pub struct Cluster<N: Node> {
    nodes: Vec<Slot<N>>,
    /// The ways between them.
    pub network: Network,
    trace: Trace,
    now_us: u64,
    order: u64,
    /// By time, then in the order of sending; the event itself lies in `arrivals`.
    queue: BinaryHeap<Reverse<(u64, u64, u32, u32)>>,
    arrivals: Vec<Option<Arrival<N::Message>>>,
    free: Vec<u32>,
    out: Out<N::Message>,
    delivered: u64,
}

impl<N: Node> Cluster<N> {
    /// Starts `nodes`, numbered from 0.
    pub fn new(seed: Seed, rules: Rules, nodes: Vec<N>) -> Self {
        let count = nodes.len() as u32;
        let slot = |node| Slot { node, is_up: false, life: 0 };
        let mut cluster = Self {
            nodes: nodes.into_iter().map(slot).collect(),
            network: Network::new(seed, rules),
            trace: Trace::default(),
            now_us: 0,
            order: 0,
            queue: BinaryHeap::new(),
            arrivals: Vec::new(),
            free: Vec::new(),
            out: Out { node: 0, now_us: 0, messages: Vec::new(), timers: Vec::new() },
            delivered: 0,
        };
        (0..count).for_each(|node| cluster.restart(node));
        cluster
    }

    /// A node's state.
    pub fn node(&self, number: u32) -> &N {
        &self.nodes[number as usize].node
    }

    /// A node's state, for a restart that loses what was not durable.
    pub fn node_mut(&mut self, number: u32) -> &mut N {
        &mut self.nodes[number as usize].node
    }

    /// Simulated microseconds so far.
    pub fn now_us(&self) -> u64 {
        self.now_us
    }

    /// Messages delivered so far.
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// What happened so far.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Stops a node: what arrives is lost, its timers are forgotten.
    pub fn crash(&mut self, number: u32) {
        self.nodes[number as usize].is_up = false;
        self.note(What::Kill, number, 0_u32, 0);
    }

    /// Starts a node that was stopped.
    pub fn restart(&mut self, number: u32) {
        let slot = &mut self.nodes[number as usize];
        if slot.is_up {
            return;
        }
        slot.is_up = true;
        slot.life += 1;
        self.note(What::PowerOn, number, 0_u32, 0);
        self.act(number, |node, out| node.start(out));
    }

    /// Hands a node something from outside, such as a client's request.
    pub fn act(&mut self, number: u32, work: impl FnOnce(&mut N, &mut Out<N::Message>)) {
        let slot = &mut self.nodes[number as usize];
        self.out.node = number;
        self.out.now_us = self.now_us;
        work(&mut slot.node, &mut self.out);
        let life = slot.life;
        let mut messages = std::mem::take(&mut self.out.messages);
        for (to, message) in messages.drain(..) {
            self.send(number, to, message);
        }
        self.out.messages = messages;
        let mut timers = std::mem::take(&mut self.out.timers);
        for (name, span_us) in timers.drain(..) {
            self.enqueue(self.now_us + span_us, number, Arrival::Timer { name, life });
        }
        self.out.timers = timers;
    }

    /// Goes on until simulated time is `until_us`; false when nothing is left to happen.
    pub fn run(&mut self, until_us: u64) -> bool {
        while let Some(Reverse((at_us, _, to, place))) = self.queue.peek().copied() {
            if at_us > until_us {
                self.now_us = until_us;
                return true;
            }
            self.queue.pop();
            self.now_us = at_us;
            self.free.push(place);
            if let Some(arrival) = self.arrivals[place as usize].take() {
                self.arrive(to, arrival);
            }
        }
        false
    }

    fn arrive(&mut self, to: u32, arrival: Arrival<N::Message>) {
        let (is_up, life) = {
            let slot = &self.nodes[to as usize];
            (slot.is_up, slot.life)
        };
        match arrival {
            Arrival::Message { from, message } => {
                if !is_up || self.network.is_cut(from, to) {
                    self.note(What::Lose, to, from, 0);
                    return;
                }
                self.delivered += 1;
                self.note(What::Deliver, to, from, 0);
                self.act(to, |node, out| node.receive(from, message, out));
            }
            Arrival::Timer { name, life: of } => {
                if is_up && of == life {
                    self.note(What::Timer, to, name, 0);
                    self.act(to, |node, out| node.timer(name, out));
                }
            }
        }
    }

    fn send(&mut self, from: u32, to: u32, message: N::Message) {
        let arrivals = self.network.send(from, to);
        if arrivals[0].is_none() {
            self.note(What::Lose, from, to, 0);
        }
        if let Some(delay_us) = arrivals[1] {
            let message = message.clone();
            self.enqueue(self.now_us + delay_us, to, Arrival::Message { from, message });
        }
        if let Some(delay_us) = arrivals[0] {
            self.enqueue(self.now_us + delay_us, to, Arrival::Message { from, message });
        }
    }

    fn enqueue(&mut self, at_us: u64, to: u32, arrival: Arrival<N::Message>) {
        let place = match self.free.pop() {
            Some(place) => {
                self.arrivals[place as usize] = Some(arrival);
                place
            }
            None => {
                self.arrivals.push(Some(arrival));
                (self.arrivals.len() - 1) as u32
            }
        };
        self.order += 1;
        self.queue.push(Reverse((at_us, self.order, to, place)));
    }

    fn note(&mut self, what: What, node: u32, of: impl Into<u64>, detail: u64) {
        self.trace.note(Event { at_us: self.now_us, node, what, of: of.into(), detail });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts what it hears and answers the first few.
    struct Counter {
        heard: u64,
        ticks: u64,
    }

    impl Node for Counter {
        type Message = u64;

        fn start(&mut self, out: &mut Out<u64>) {
            out.set_timer(1, 1_000);
            if out.node == 0 {
                out.send(1, 10);
            }
        }

        fn receive(&mut self, from: u32, left: u64, out: &mut Out<u64>) {
            self.heard += 1;
            if left > 0 {
                out.send(from, left - 1);
            }
        }

        fn timer(&mut self, _: u64, _: &mut Out<u64>) {
            self.ticks += 1;
        }
    }

    fn cluster(seed: u64, rules: Rules) -> Cluster<Counter> {
        let nodes = (0..2).map(|_| Counter { heard: 0, ticks: 0 }).collect();
        Cluster::new(Seed(seed), rules, nodes)
    }

    #[test]
    fn messages_go_to_and_fro_until_none_is_left() {
        let mut both = cluster(1, Rules::default());
        assert!(!both.run(1_000_000));
        assert_eq!(both.node(0).heard + both.node(1).heard, 11);
        assert_eq!((both.node(0).ticks, both.delivered()), (1, 11));
        let mut again = cluster(1, Rules::default());
        again.run(1_000_000);
        assert_eq!(again.trace().hash(), both.trace().hash());
        let mut other = cluster(2, Rules::default());
        other.run(1_000_000);
        assert_ne!(other.trace().hash(), both.trace().hash());
    }

    #[test]
    fn a_crash_loses_messages_and_timers() {
        let mut both = cluster(1, Rules::default());
        both.crash(1);
        assert!(!both.run(1_000_000));
        assert_eq!((both.node(1).heard, both.node(1).ticks), (0, 0));
        both.restart(1);
        both.act(0, |_, out| out.send(1, 0));
        both.run(2_000_000);
        assert_eq!((both.node(1).heard, both.node(1).ticks), (1, 1));
    }
}
