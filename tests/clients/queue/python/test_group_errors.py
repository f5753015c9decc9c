"""What the coordinator says to members that do it wrong, asked by hand."""

import kafka
import pytest
from kafka.protocol.consumer import (
    HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, OffsetCommitRequest,
    OffsetFetchRequest, SyncGroupRequest,
)

from support import wire

pytestmark = pytest.mark.groups

SESSION_MS = 6_000


def join(group, member="", protocol="range", session_ms=SESSION_MS, kind="consumer"):
    """Version 5, of before flexible headers."""
    protocols = [JoinGroupRequest.JoinGroupRequestProtocol(name=protocol, metadata=b"about me")]
    return JoinGroupRequest[5](
        group_id=group, session_timeout_ms=session_ms, rebalance_timeout_ms=5_000,
        member_id=member, group_instance_id=None, protocol_type=kind, protocols=protocols,
    )


def sync(group, joined, assignments):
    entries = [
        SyncGroupRequest.SyncGroupRequestAssignment(member_id=member, assignment=data)
        for member, data in assignments.items()
    ]
    return SyncGroupRequest[3](
        group_id=group, generation_id=joined.generation_id, member_id=joined.member_id,
        group_instance_id=None, assignments=entries,
    )


def beat(group, generation, member):
    return HeartbeatRequest[3](
        group_id=group, generation_id=generation, member_id=member, group_instance_id=None
    )


def commit(group, generation, member, topic, offset):
    data = OffsetCommitRequest.OffsetCommitRequestTopic
    part = data.OffsetCommitRequestPartition(
        partition_index=0, committed_offset=offset, committed_leader_epoch=-1,
        committed_metadata="",
    )
    return OffsetCommitRequest[7](
        group_id=group, generation_id_or_member_epoch=generation, member_id=member,
        group_instance_id=None, topics=[data(name=topic, partitions=[part])],
    )


def error_of(answer):
    """The error of the one partition of a commit."""
    return answer.topics[0].partitions[0].error_code


class Joined:
    """A member made by hand: it joins in two steps, as members do that have no id yet."""

    def __init__(self, broker, group):
        self.group = group
        self.wire = wire.Wire(broker)
        told = self.wire.ask(join(group))
        assert told.error_code == wire.MEMBER_ID_REQUIRED
        self.id = told.member_id
        assert self.id

    def join(self):
        """Sends the request only: its answer waits for the others."""
        self.wire.send(join(self.group, self.id))

    def joined(self):
        self.answer = self.wire.receive()[1]
        assert self.answer.error_code == wire.NONE
        assert self.answer.member_id == self.id
        return self.answer

    def heartbeat(self):
        asked = beat(self.group, self.answer.generation_id, self.id)
        return self.wire.ask(asked).error_code


@pytest.fixture
def by_hand(broker, name):
    """Makes members of one new group by hand."""
    made, group = [], name()

    def make():
        made.append(Joined(broker, group))
        return made[-1]

    yield make
    for member in made:
        member.wire.socket.close()


def alone(member):
    """Joins and syncs the only member of a group."""
    member.join()
    joined = member.joined()
    assert joined.leader == member.id
    assert [(each.member_id, each.metadata) for each in joined.members] == [
        (member.id, b"about me")
    ]
    synced = member.wire.ask(sync(member.group, joined, {member.id: b"all of it"}))
    assert (synced.error_code, synced.assignment) == (wire.NONE, b"all of it")
    assert member.heartbeat() == wire.NONE
    return joined


def test_the_flow_of_two_members(by_hand):
    """M10: the first is told by its heartbeat, and the leader's plan reaches both."""
    first, second = by_hand(), by_hand()
    generation = alone(first).generation_id
    second.join()
    while (told := first.heartbeat()) == wire.NONE:
        pass
    assert told == wire.REBALANCE_IN_PROGRESS
    first.join()
    one, two = first.joined(), second.joined()
    assert one.generation_id == two.generation_id == generation + 1
    assert one.leader == two.leader == first.id
    assert {each.member_id for each in one.members} == {first.id, second.id}
    assert two.members == []
    # A follower waits for what the leader says.
    second.wire.send(sync(second.group, two, {}))
    plan = {first.id: b"for the first", second.id: b"for the second"}
    assert first.wire.ask(sync(first.group, one, plan)).assignment == b"for the first"
    assert second.wire.receive()[1].assignment == b"for the second"


def test_a_zombies_heartbeat_and_commit_are_refused(broker, by_hand, topic):
    """Acceptance 5: what it would have committed is not stored."""
    where, zombie = topic(), by_hand()
    old = alone(zombie)
    kept = commit(zombie.group, old.generation_id, zombie.id, where, 3)
    assert error_of(zombie.wire.ask(kept)) == wire.NONE
    # It joins again, so what it says of its earlier self is of an old generation.
    zombie.join()
    new = zombie.joined()
    assert new.generation_id == old.generation_id + 1
    assert zombie.wire.ask(sync(zombie.group, new, {zombie.id: b""})).error_code == wire.NONE
    stale = commit(zombie.group, old.generation_id, zombie.id, where, 9)
    assert error_of(zombie.wire.ask(stale)) == wire.ILLEGAL_GENERATION
    asked = beat(zombie.group, old.generation_id, zombie.id)
    assert zombie.wire.ask(asked).error_code == wire.ILLEGAL_GENERATION
    stranger = commit(zombie.group, new.generation_id, "nobody", where, 9)
    assert error_of(zombie.wire.ask(stranger)) == wire.UNKNOWN_MEMBER_ID
    asked = beat(zombie.group, new.generation_id, "nobody")
    assert zombie.wire.ask(asked).error_code == wire.UNKNOWN_MEMBER_ID
    # Nor may one commit without membership while there are members.
    outside = commit(zombie.group, -1, "", where, 9)
    assert error_of(zombie.wire.ask(outside)) == wire.UNKNOWN_MEMBER_ID
    client = kafka.KafkaConsumer(bootstrap_servers=broker, group_id=zombie.group)
    assert client.committed(kafka.TopicPartition(where, 0)) == 3
    client.close()


def test_a_member_that_does_not_heartbeat_is_dropped(by_hand, until):
    slow, other = by_hand(), by_hand()
    alone(slow)
    other.join()
    # The rebalance waits at most 5 s for the first, which never comes.
    joined = other.joined()
    assert [each.member_id for each in joined.members] == [other.id]
    assert slow.heartbeat() == wire.UNKNOWN_MEMBER_ID


def test_a_member_that_leaves_is_unknown(by_hand):
    member = by_hand()
    alone(member)
    leaving = LeaveGroupRequest.MemberIdentity(member_id=member.id, group_instance_id=None)
    left = member.wire.ask(LeaveGroupRequest[3](group_id=member.group, members=[leaving]))
    assert left.error_code == wire.NONE
    assert member.heartbeat() == wire.UNKNOWN_MEMBER_ID


def test_wrong_ways_to_join(by_hand):
    member = by_hand()
    alone(member)
    other = by_hand()
    told = other.wire.ask(join(member.group, other.id, "other"))
    assert told.error_code == wire.INCONSISTENT_GROUP_PROTOCOL
    told = other.wire.ask(join(member.group, other.id, "range", kind="connect"))
    assert told.error_code == wire.INCONSISTENT_GROUP_PROTOCOL
    told = other.wire.ask(join(member.group, "made-up"))
    assert told.error_code == wire.UNKNOWN_MEMBER_ID
    told = other.wire.ask(join(member.group, other.id, session_ms=1))
    assert told.error_code == wire.INVALID_SESSION_TIMEOUT
    told = other.wire.ask(join(""))
    assert told.error_code == wire.INVALID_GROUP_ID


def test_a_sync_of_an_old_generation_is_refused(by_hand):
    member = by_hand()
    joined = alone(member)
    joined.generation_id -= 1
    told = member.wire.ask(sync(member.group, joined, {}))
    assert told.error_code == wire.ILLEGAL_GENERATION


def test_offsets_of_a_group_that_is_not_there(broker, name, topic):
    where = topic()
    data = OffsetFetchRequest.OffsetFetchRequestTopic(name=where, partition_indexes=[0])
    asked = OffsetFetchRequest[5](group_id=name(), topics=[data])
    with wire.Wire(broker) as connection:
        answer = connection.ask(asked)
    assert answer.error_code == wire.NONE
    part = answer.topics[0].partitions[0]
    assert (part.committed_offset, part.error_code) == (-1, wire.NONE)


def test_a_commit_of_an_unknown_topic_is_refused(broker, name):
    with wire.Wire(broker) as connection:
        answer = connection.ask(commit(name(), -1, "", name(), 1))
    assert error_of(answer) == wire.UNKNOWN_TOPIC_OR_PARTITION
