//! Who reads which partition: the reference plans.
//!
//! In the classic protocol the leader's client computes the plan, so the coordinator does not use
//! these; they are what it must come to, in tests and for the library that is a client.
//! Definitions are those of Kafka's `RangeAssignor` and `RoundRobinAssignor`.
//!
//! Members are taken in order of their ids (as given: Kafka puts static members first, by instance
//! id), topics in order of their names.

use std::collections::{BTreeMap, BTreeSet};

use super::model::MemberId;

/// The topics a member wants.
pub type Subscriptions = BTreeMap<MemberId, BTreeSet<String>>;

/// How many partitions a topic has.
pub type PartitionCounts = BTreeMap<String, u32>;

/// The partitions of each member, by topic and number. Every member is in it.
pub type Assignment = BTreeMap<MemberId, BTreeSet<(String, u32)>>;

/// Topic by topic: the members who want it get consecutive ranges, the first ones a partition more
/// if it does not come out even. Partitions of the same number of two topics with equal counts go
/// to the same member, which is what joining streams needs.
pub fn range(subscriptions: &Subscriptions, partitions: &PartitionCounts) -> Assignment {
    let mut assignment = empty(subscriptions);
    for (topic, &count) in partitions {
        let wants = |(_, topics): &(&MemberId, &BTreeSet<String>)| topics.contains(topic);
        let members: Vec<&MemberId> =
            subscriptions.iter().filter(wants).map(|(id, _)| id).collect();
        let (Some(each), Some(extra)) = divide(count, members.len()) else { continue };
        let mut next = 0;
        for (position, id) in members.into_iter().enumerate() {
            let end = next + each + u32::from((position as u32) < extra);
            let mine = assignment.entry(id.clone()).or_default();
            mine.extend((next..end).map(|partition| (topic.clone(), partition)));
            next = end;
        }
    }
    assignment
}

/// All partitions of all topics in one row, dealt out one by one to the members in turn. Members
/// who do not want a partition's topic are passed over.
pub fn round_robin(subscriptions: &Subscriptions, partitions: &PartitionCounts) -> Assignment {
    let mut assignment = empty(subscriptions);
    let members: Vec<(&MemberId, &BTreeSet<String>)> = subscriptions.iter().collect();
    let mut turn = 0;
    for (topic, &count) in partitions {
        if !members.iter().any(|(_, topics)| topics.contains(topic)) {
            continue;
        }
        for partition in 0..count {
            while !members[turn].1.contains(topic) {
                turn = (turn + 1) % members.len();
            }
            let mine = assignment.entry(members[turn].0.clone()).or_default();
            mine.insert((topic.clone(), partition));
            turn = (turn + 1) % members.len();
        }
    }
    assignment
}

fn empty(subscriptions: &Subscriptions) -> Assignment {
    subscriptions.keys().map(|id| (id.clone(), BTreeSet::new())).collect()
}

/// Quotient and remainder; none for no members.
fn divide(count: u32, members: usize) -> (Option<u32>, Option<u32>) {
    let members = members as u32;
    (count.checked_div(members), count.checked_rem(members))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subscriptions(wanted: &[(&str, &[&str])]) -> Subscriptions {
        let topics = |names: &[&str]| names.iter().map(|name| name.to_string()).collect();
        wanted.iter().map(|(id, names)| (MemberId::from(*id), topics(names))).collect()
    }

    fn counts(topics: &[(&str, u32)]) -> PartitionCounts {
        topics.iter().map(|(name, count)| (name.to_string(), *count)).collect()
    }

    /// `A: t0 t1 | B: t2 t3`, say.
    fn text(assignment: &Assignment) -> String {
        let part = |(id, mine): (&MemberId, &BTreeSet<(String, u32)>)| {
            let mine = mine.iter().map(|(topic, partition)| format!(" {topic}{partition}"));
            format!("{id}:{}", mine.collect::<String>())
        };
        assignment.iter().map(part).collect::<Vec<_>>().join(" | ")
    }

    const ALL: [&str; 5] = ["A", "B", "C", "D", "E"];

    fn one_topic(members: usize) -> Subscriptions {
        subscriptions(&ALL[..members].iter().map(|id| (*id, &["t"][..])).collect::<Vec<_>>())
    }

    /// M11: 4 partitions and two members.
    #[test]
    fn two_members_share_four_partitions() {
        let (two, four) = (one_topic(2), counts(&[("t", 4)]));
        assert_eq!(text(&range(&two, &four)), "A: t0 t1 | B: t2 t3");
        assert_eq!(text(&round_robin(&two, &four)), "A: t0 t2 | B: t1 t3");
    }

    /// M11: three members by range get 2, 1 and 1; with five, one is idle.
    #[test]
    fn what_is_left_over_goes_to_the_first_and_one_too_many_is_idle() {
        let four = counts(&[("t", 4)]);
        assert_eq!(text(&range(&one_topic(3), &four)), "A: t0 t1 | B: t2 | C: t3");
        let idle = "A: t0 | B: t1 | C: t2 | D: t3 | E:";
        assert_eq!(text(&range(&one_topic(5), &four)), idle);
        assert_eq!(text(&round_robin(&one_topic(5), &four)), idle);
    }

    /// The example in the documentation of Kafka's `RangeAssignor`.
    #[test]
    fn range_begins_anew_with_each_topic() {
        let both = subscriptions(&[("A", &["t", "u"]), ("B", &["t", "u"])]);
        let plan = range(&both, &counts(&[("t", 3), ("u", 3)]));
        assert_eq!(text(&plan), "A: t0 t1 u0 u1 | B: t2 u2");
    }

    /// The examples in the documentation of Kafka's `RoundRobinAssignor`.
    #[test]
    fn round_robin_goes_on_from_topic_to_topic() {
        let both = subscriptions(&[("A", &["t", "u"]), ("B", &["t", "u"])]);
        let plan = round_robin(&both, &counts(&[("t", 3), ("u", 3)]));
        assert_eq!(text(&plan), "A: t0 t2 u1 | B: t1 u0 u2");
        let uneven = subscriptions(&[("A", &["t"]), ("B", &["t", "u"]), ("C", &["t", "u", "v"])]);
        let plan = round_robin(&uneven, &counts(&[("t", 1), ("u", 2), ("v", 3)]));
        assert_eq!(text(&plan), "A: t0 | B: u0 | C: u1 v0 v1 v2");
    }

    #[test]
    fn a_topic_nobody_wants_or_that_is_not_there_is_left_alone() {
        let plan = round_robin(&one_topic(1), &counts(&[("other", 3)]));
        assert_eq!(text(&plan), "A:");
        assert_eq!(text(&range(&one_topic(1), &counts(&[("other", 3)]))), "A:");
        assert_eq!(text(&range(&Subscriptions::new(), &counts(&[("t", 3)]))), "");
    }

    fn topics() -> impl Strategy<Value = BTreeSet<String>> {
        prop::collection::btree_set("[t-w]", 0..4)
    }

    proptest! {
        #[test]
        fn each_wanted_partition_goes_to_one_member_who_wants_it(
            wanted in prop::collection::btree_map("[a-f]", topics(), 0..6),
            partitions in prop::collection::btree_map("[t-w]", 0_u32..9, 0..4),
        ) {
            let wanted: Subscriptions =
                wanted.into_iter().map(|(id, topics)| (id.as_str().into(), topics)).collect();
            for plan in [range(&wanted, &partitions), round_robin(&wanted, &partitions)] {
                prop_assert!(plan.keys().eq(wanted.keys()));
                let mut given: Vec<(String, u32)> = Vec::new();
                for (id, mine) in &plan {
                    prop_assert!(mine.iter().all(|(topic, _)| wanted[id].contains(topic)));
                    given.extend(mine.iter().cloned());
                }
                given.sort();
                let is_wanted = |topic: &String| wanted.values().any(|mine| mine.contains(topic));
                let all: Vec<(String, u32)> = partitions
                    .iter()
                    .filter(|(topic, _)| is_wanted(topic))
                    .flat_map(|(topic, count)| (0..*count).map(|number| (topic.clone(), number)))
                    .collect();
                prop_assert_eq!(given, all);
            }
        }
    }
}
