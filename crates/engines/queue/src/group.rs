//! The coordinator of one consumer group: who is in it, who leads it, and who may commit.
//!
//! Consumers of a group share partitions: each partition is read by at most one of them. In the
//! classic protocol the coordinator does not know what is shared. It elects a member as leader,
//! tells it what each member wants, takes its plan and hands every member its part. A change of
//! membership starts over: a *rebalance*, which ends in a new *generation*. Whoever claims an
//! older generation is a zombie and is refused.
//!
//! ```text
//!              join                    all joined, or time out          leader's sync
//!   Empty ------------> Preparing ----------------------> Completing ----------------> Stable
//!     ^                 Rebalance <---------------------- Rebalance                      |
//!     |                   |   ^      join, leave, expiry                                 |
//!     +-------------------+   +----------------------------------------------------------+
//!        nobody joined                    join, leave, expiry, leader's join
//! ```
//!
//! A [`Group`] is told the time in milliseconds and does no I/O. A join and a sync may have to
//! wait: they are parked under a [`Ticket`] of the caller's and answered in the [`Output`] of a
//! later call. Every ticket is answered exactly once, at the latest when the time-outs have
//! passed. The caller calls [`Group::tick`] at [`Group::next_deadline`].
//!
//! ```
//! use queue::group::{Answer, Group, GroupState, Identity, Join, Limits, Sync, Ticket};
//!
//! let mut group = Group::new(Limits::default());
//! let join = Join {
//!     identity: Identity::default(),
//!     client_id: "billing".into(),
//!     client_host: "/10.0.0.7".into(),
//!     session_timeout_ms: 45_000,
//!     rebalance_timeout_ms: 300_000,
//!     protocol_type: "consumer".into(),
//!     protocols: vec![("range".into(), "subscription".into())],
//!     requires_known_id: false,
//!     can_skip_assignment: true,
//!     new_id_suffix: "8f14e45f".into(),
//! };
//! assert!(group.join(0, join, Ticket(1)).answers.is_empty()); // Parked: others may come.
//! let output = group.tick(group.next_deadline().unwrap());
//! let [(Ticket(1), Answer::Join(Ok(joined)))] = &output.answers[..] else { panic!() };
//! let identity = Identity { member_id: joined.member_id.clone(), instance_id: None };
//! let assignments = vec![(joined.leader.clone(), "all".into())];
//! let sync = Sync { identity, generation: 1, assignments, ..Sync::default() };
//! let output = group.sync(3_001, sync, Ticket(2));
//! assert!(output.persist); // `group.record()` is made durable, and then ticket 2 is answered.
//! assert_eq!(group.state(), GroupState::Stable);
//! ```
//!
//! | file | what it holds |
//! |---|---|
//! | `model` | identities, requests, answers, errors |
//! | `limits` | what a group may take, and the time-outs it may ask for |
//! | `state` | the group and its phases |
//! | `member` | one member and what it waits for |
//! | `protocol` | the vote on the protocol that all members support |
//! | `join`, `sync`, `heartbeat`, `leave`, `commit` | the requests, one a file |
//! | `rebalance` | from one generation to the next |
//! | `expiry` | what happens when nothing happens |
//! | `view` | how operators see it |
//! | `record` | the part that outlives a coordinator |
//! | `assignment` | the range and round-robin plans, which classic clients compute themselves |
//!
//! The newer protocol, in which the coordinator makes the plan itself (KIP-848), is [`consumer`].
//!
//! Semantics are those of Apache Kafka's group coordinator (KIP-62 time-outs, KIP-134 initial
//! delay, KIP-345 static members, KIP-394 required member ids, KIP-559 protocol check, KIP-814
//! skipped assignment). Cooperative rebalancing (KIP-429) is a matter between the members: to the
//! coordinator it is two ordinary generations.
//!
//! Never here: wire types, group names, offsets, locks.

pub mod assignment;
mod commit;
pub mod consumer;
mod expiry;
mod heartbeat;
mod join;
mod leave;
mod limits;
mod member;
mod model;
mod protocol;
mod rebalance;
mod record;
mod state;
mod sync;
mod view;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod flows;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod static_members;
#[cfg(test)]
mod testing;

pub use limits::{Limits, PROTOCOLS_MAX};
pub use model::{
    Answer, GroupError, Identity, InstanceId, Join, JoinRefused, Joined, JoinedMember, MemberId,
    Output, Sync, Synced, Ticket,
};
pub use record::{GroupRecord, MemberRecord};
pub use state::{Group, GroupState};
pub use view::{GroupView, MemberView};
