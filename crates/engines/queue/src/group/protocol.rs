//! The vote on the protocol of a generation.
//!
//! Only protocols that every member supports stand for election. Each member votes for the one of
//! them that it likes best; most votes win, and of equals the first by name, so that the outcome
//! does not depend on the order of members.

use std::collections::BTreeMap;

use super::member::Member;

/// The protocol of the next generation; none if there is none that all support.
pub(super) fn elect<'a>(members: impl Iterator<Item = &'a Member> + Clone) -> Option<String> {
    let first = members.clone().next()?;
    let names = first.protocols.iter().map(|(name, _)| name.as_str());
    let suits_all = |name: &&str| members.clone().all(|member| member.supports(name));
    let candidates: Vec<&str> = names.filter(suits_all).collect();
    let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
    for member in members.clone() {
        let mut names = member.protocols.iter().map(|(name, _)| name.as_str());
        let choice = names.find(|name| candidates.contains(name))?;
        *votes.entry(choice).or_default() += 1;
    }
    let most = votes.values().copied().max()?;
    votes.into_iter().find(|&(_, count)| count == most).map(|(name, _)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::group::model::Join;
    use crate::group::testing::join;

    fn member(protocols: &[&str]) -> Member {
        let protocols = protocols.iter().map(|name| (name.to_string(), Bytes::new())).collect();
        Member::new(Join { protocols, ..join("client") }, 0)
    }

    #[test]
    fn most_votes_win_among_those_all_support() {
        let members = [
            member(&["sticky", "range", "roundrobin"]),
            member(&["roundrobin", "range"]),
            member(&["range", "roundrobin"]),
        ];
        assert_eq!(elect(members.iter()).unwrap(), "range");
        assert_eq!(elect(members[1..2].iter()).unwrap(), "roundrobin");
    }

    #[test]
    fn of_equals_the_first_by_name_wins() {
        let members = [member(&["b", "a"]), member(&["a", "b"])];
        assert_eq!(elect(members.iter()).unwrap(), "a");
        assert_eq!(elect(members.iter().rev()).unwrap(), "a");
    }

    #[test]
    fn no_common_protocol_elects_none() {
        let members = [member(&["a"]), member(&["b"])];
        assert_eq!(elect(members.iter()), None);
        assert_eq!(elect([].iter()), None);
    }
}
