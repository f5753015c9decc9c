//! Random members against a group of the consumer protocol.
//!
//! After every step no partition is read by two members that the coordinator has not thrown out,
//! nobody reads what it was not given, and epochs have not gone back. In the end, with all obeying,
//! every partition that somebody wants is read by exactly one who wants it.

use proptest::prelude::*;

use super::*;

const CLIENTS: usize = 5;
const NAMES: [&str; 3] = ["t", "u", "v"];

#[derive(Clone, Copy, Debug)]
enum Op {
    /// A client heartbeats; the answer may be lost.
    Beat(usize, bool),
    /// A client stops reading what it was told to let go.
    LetGo(usize),
    /// A client wants other topics.
    Want(usize, usize),
    /// A client leaves, for a while if it is static.
    Leave(usize),
    /// A client starts anew without leaving, perhaps with the id it had.
    Crash(usize, bool),
    /// A topic gets more partitions.
    Grow(usize),
    Pass(u64),
    HandOver,
}

fn op() -> impl Strategy<Value = Op> {
    let client = 0..CLIENTS;
    prop_oneof![
        20 => (client.clone(), prop::bool::weighted(0.15)).prop_map(|(n, lost)| Op::Beat(n, lost)),
        8 => client.clone().prop_map(Op::LetGo),
        2 => (client.clone(), 0_usize..8).prop_map(|(n, topics)| Op::Want(n, topics)),
        2 => client.clone().prop_map(Op::Leave),
        2 => (client, any::<bool>()).prop_map(|(n, same)| Op::Crash(n, same)),
        1 => (0..NAMES.len()).prop_map(Op::Grow),
        4 => (1_u64..20_000).prop_map(Op::Pass),
        1 => Just(Op::HandOver),
    ]
}

#[derive(Clone, Debug, Default)]
struct Client {
    identity: Identity,
    epoch: i32,
    topics: BTreeSet<String>,
    /// What it reads, that which it is to let go included.
    owned: BTreeSet<Partition>,
    /// What it was told last.
    assigned: BTreeSet<Partition>,
}

struct World {
    group: ConsumerGroup,
    now_ms: u64,
    topics: PartitionCounts,
    clients: Vec<Client>,
    next_id: usize,
    epoch: i32,
}

impl World {
    fn new() -> Self {
        let topics = NAMES.iter().zip(1..).map(|(name, count)| (name.to_string(), count));
        let mut world = Self {
            group: ConsumerGroup::new(ConsumerLimits::default()),
            now_ms: 0,
            topics: topics.collect(),
            clients: vec![Client::default(); CLIENTS],
            next_id: 0,
            epoch: 0,
        };
        for number in 0..CLIENTS {
            world.want(number, 7);
            world.start(number);
        }
        world
    }

    /// A new process, under a new id.
    fn start(&mut self, number: usize) {
        self.next_id += 1;
        let client = &mut self.clients[number];
        let instance_id = number.is_multiple_of(2).then(|| format!("s{number}").as_str().into());
        let member_id = format!("{number}-{}", self.next_id).as_str().into();
        client.identity = Identity { member_id, instance_id };
        Self::give_up(client);
    }

    fn give_up(client: &mut Client) {
        client.epoch = JOIN_EPOCH;
        client.owned.clear();
        client.assigned.clear();
    }

    fn want(&mut self, number: usize, topics: usize) {
        let chosen = NAMES.iter().enumerate().filter(|(bit, _)| topics >> bit & 1 == 1);
        self.clients[number].topics = chosen.map(|(_, name)| name.to_string()).collect();
    }

    fn run(&mut self, op: Op) {
        let before = self.group.record().clone();
        self.group.take_changed();
        self.step(op);
        let is_announced = self.group.take_changed();
        assert!(is_announced || before == *self.group.record(), "a change was kept quiet");
        self.check();
    }

    fn step(&mut self, op: Op) {
        match op {
            Op::Beat(number, is_lost) => self.beat(number, is_lost),
            Op::LetGo(number) => {
                let client = &mut self.clients[number];
                client.owned.retain(|partition| client.assigned.contains(partition));
            }
            Op::Want(number, topics) => self.want(number, topics),
            Op::Leave(number) => self.leave(number),
            Op::Crash(number, true) => Self::give_up(&mut self.clients[number]),
            Op::Crash(number, false) => self.start(number),
            Op::Grow(topic) => *self.topics.get_mut(NAMES[topic]).unwrap() += 1,
            Op::Pass(wait_ms) => {
                self.now_ms += wait_ms;
                self.group.tick(self.now_ms);
            }
            Op::HandOver => {
                let record = self.group.record().clone();
                self.group = ConsumerGroup::restore(ConsumerLimits::default(), record, self.now_ms);
            }
        }
        self.check();
    }

    fn beat(&mut self, number: usize, is_lost: bool) {
        let client = &mut self.clients[number];
        let beat = Beat {
            identity: client.identity.clone(),
            epoch: client.epoch,
            rebalance_timeout_ms: Some(30_000),
            topics: Some(client.topics.clone()),
            owned: Some(client.owned.clone()),
            ..Beat::default()
        };
        match self.group.heartbeat(self.now_ms, beat, &self.topics) {
            Ok(_) if is_lost => {}
            Ok(led) => {
                assert!(led.epoch >= client.epoch);
                client.epoch = led.epoch;
                let assigned = led.assigned.expect("the heartbeat was full");
                client.owned.extend(assigned.iter().cloned());
                client.assigned = assigned;
            }
            Err(GroupError::UnreleasedInstanceId) => {}
            Err(GroupError::FencedInstanceId) => self.start(number),
            Err(_) => Self::give_up(client),
        }
    }

    fn leave(&mut self, number: usize) {
        let identity = self.clients[number].identity.clone();
        let is_static = identity.instance_id.is_some();
        let epoch = if is_static { LEAVE_FOR_A_WHILE_EPOCH } else { LEAVE_EPOCH };
        // By then it reads nothing any more.
        self.start(number);
        let beat = Beat { identity, epoch, ..Beat::default() };
        // It may have been thrown out already.
        let _ = self.group.heartbeat(self.now_ms, beat, &self.topics);
    }

    fn check(&mut self) {
        let record = self.group.record();
        assert!(record.epoch >= self.epoch && record.target_epoch <= record.epoch);
        self.epoch = record.epoch;
        let mut taken: BTreeSet<&Partition> = BTreeSet::new();
        for member in record.members.values() {
            for partition in member.assigned.iter().chain(&member.revoking) {
                assert!(taken.insert(partition), "{partition:?} was given twice");
            }
        }
        for client in &self.clients {
            let Some(member) = record.members.get(&client.identity.member_id) else { continue };
            let may_own =
                |it: &Partition| member.assigned.contains(it) || member.revoking.contains(it);
            assert!(client.owned.iter().all(may_own), "{client:?} reads on: {member:?}");
            let result = self.group.may_commit(&client.identity, client.epoch);
            assert_eq!(result.is_ok(), client.epoch >= 0 && client.epoch == member.epoch);
            if client.epoch > 0 {
                let stale = self.group.may_commit(&client.identity, client.epoch - 1);
                assert!(stale.is_err() || member.epoch < client.epoch);
            }
        }
    }

    fn come_to_rest(&mut self) {
        for _ in 0..60 {
            for number in 0..CLIENTS {
                self.run(Op::LetGo(number));
                self.run(Op::Beat(number, false));
            }
            self.run(Op::Pass(2_000));
        }
        assert_eq!(self.group.state(), ConsumerGroupState::Stable);
        let mut read: Vec<Partition> = Vec::new();
        for client in &self.clients {
            assert!(client.owned.iter().all(|(topic, _)| client.topics.contains(topic)));
            read.extend(client.owned.iter().cloned());
        }
        read.sort();
        let is_wanted =
            |topic: &String| self.clients.iter().any(|client| client.topics.contains(topic));
        let wanted = self.topics.iter().filter(|(topic, _)| is_wanted(topic));
        let all: Vec<Partition> = wanted
            .flat_map(|(topic, count)| (0..*count).map(|number| (topic.clone(), number)))
            .collect();
        assert_eq!(read, all);
    }
}

proptest! {
    #[test]
    fn no_partition_is_read_by_two_and_all_are_read_in_the_end(
        ops in prop::collection::vec(op(), 1..150),
    ) {
        let mut world = World::new();
        ops.into_iter().for_each(|op| world.run(op));
        world.come_to_rest();
    }
}
