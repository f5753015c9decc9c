//! The uniform plan: even, and moving as little as possible.

use std::collections::BTreeMap;

use crate::group::assignment::{Assignment, PartitionCounts, Subscriptions};
use crate::group::model::MemberId;

/// Everyone keeps what it had in `previous` and still wants. What nobody has goes to whoever has
/// least of those who want its topic. Then partitions move from who has at least two more to who
/// has least, until there is no such pair. So members with equal wishes differ by at most one.
///
/// Costs partitions times members, for each round of moves; two rounds if all want the same.
pub fn uniform(
    subscriptions: &Subscriptions,
    partitions: &PartitionCounts,
    previous: &Assignment,
) -> Assignment {
    let mut owners = keep(subscriptions, partitions, previous);
    let mut loads: BTreeMap<&MemberId, usize> = subscriptions.keys().map(|id| (id, 0)).collect();
    for owner in owners.values() {
        *loads.entry(owner).or_default() += 1;
    }
    let mut is_moving = true;
    while is_moving {
        is_moving = false;
        for (topic, &count) in partitions {
            for number in 0..count {
                let Some(least) = least_loaded(subscriptions, &loads, topic) else { break };
                let owner = owners.get(&(topic.as_str(), number)).copied();
                let is_uneven = owner.is_none_or(|owner| loads[owner] >= loads[least] + 2);
                if is_uneven {
                    owners.insert((topic, number), least);
                    owner.and_then(|owner| loads.get_mut(owner)).into_iter().for_each(|n| *n -= 1);
                    *loads.entry(least).or_default() += 1;
                    is_moving = true;
                }
            }
        }
    }
    let mut assignment: Assignment =
        subscriptions.keys().map(|id| (id.clone(), Default::default())).collect();
    for ((topic, number), owner) in owners {
        assignment.entry(owner.clone()).or_default().insert((topic.to_owned(), number));
    }
    assignment
}

type Owners<'a> = BTreeMap<(&'a str, u32), &'a MemberId>;

fn keep<'a>(
    subscriptions: &'a Subscriptions,
    partitions: &'a PartitionCounts,
    previous: &'a Assignment,
) -> Owners<'a> {
    let mut owners = Owners::new();
    for (id, topics) in subscriptions {
        for (topic, number) in previous.get(id).into_iter().flatten() {
            let is_there = partitions.get(topic).is_some_and(|count| number < count);
            if is_there && topics.contains(topic) {
                owners.insert((topic, *number), id);
            }
        }
    }
    owners
}

fn least_loaded<'a>(
    subscriptions: &'a Subscriptions,
    loads: &BTreeMap<&MemberId, usize>,
    topic: &String,
) -> Option<&'a MemberId> {
    let wanting = subscriptions.iter().filter(|(_, topics)| topics.contains(topic));
    wanting.map(|(id, _)| id).min_by_key(|id| loads.get(id).copied().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn wishes() -> impl Strategy<Value = Subscriptions> {
        let topics = prop::collection::btree_set("[t-v]", 0..4);
        let members = prop::collection::btree_map("[a-f]", topics, 1..6);
        members.prop_map(|members| {
            members.into_iter().map(|(id, topics)| (id.as_str().into(), topics)).collect()
        })
    }

    fn counts() -> impl Strategy<Value = PartitionCounts> {
        prop::collection::btree_map("[t-v]", 0_u32..12, 0..4)
    }

    fn owned(plan: &Assignment) -> BTreeSet<(String, u32)> {
        plan.values().flatten().cloned().collect()
    }

    proptest! {
        #[test]
        fn all_is_given_once_to_who_wants_it_and_evenly(
            (before, after) in (wishes(), wishes()),
            (few, many) in (counts(), counts()),
        ) {
            let previous = uniform(&before, &few, &Assignment::new());
            let plan = uniform(&after, &many, &previous);
            let given: usize = plan.values().map(BTreeSet::len).sum();
            prop_assert_eq!(given, owned(&plan).len());
            let wanted = |topic: &String| after.values().any(|topics| topics.contains(topic));
            let all = many.iter().filter(|(topic, _)| wanted(topic));
            prop_assert_eq!(given, all.map(|(_, count)| *count as usize).sum::<usize>());
            for (id, mine) in &plan {
                for (topic, _) in mine {
                    prop_assert!(after[id].contains(topic));
                    let others = plan.iter().filter(|(other, _)| after[*other].contains(topic));
                    for (_, theirs) in others {
                        prop_assert!(mine.len() <= theirs.len() + 1);
                    }
                }
            }
            prop_assert_eq!(uniform(&after, &many, &plan), plan);
        }

        #[test]
        fn only_a_newcomer_gets_something(count in 0_u32..40, members in 1_usize..8) {
            let topics: BTreeSet<String> = ["t".to_owned()].into();
            let id = |number: usize| MemberId::from(number.to_string().as_str());
            let many = PartitionCounts::from([("t".to_owned(), count)]);
            let mut wanted: Subscriptions =
                (0..members).map(|number| (id(number), topics.clone())).collect();
            let before = uniform(&wanted, &many, &Assignment::new());
            wanted.insert(id(members), topics);
            let after = uniform(&wanted, &many, &before);
            for (who, mine) in &before {
                prop_assert!(after[who].is_subset(mine));
            }
            prop_assert_eq!(after[&id(members)].len(), count as usize / (members + 1));
        }
    }
}
