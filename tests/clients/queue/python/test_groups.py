"""Consumer groups: who owns which partition, after what, and where a successor goes on."""

import asyncio
import pathlib
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict

import aiokafka
import kafka
import pytest
from confluent_kafka import ConsumerGroupState, ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import NewPartitions

from support import clients, each, wire
from support.each import Record
from support.groups import Member, described, settled, spread

pytestmark = pytest.mark.groups


@pytest.fixture
def members(broker):
    """Starts members, and stops those that are left at the end."""
    started = []

    def start(group, topics, **settings):
        started.append(Member(broker, group, topics, **settings))
        return started[-1]

    yield start
    for member in started:
        member.stop()


def numbered(broker, topic, count):
    each.Confluent.write(broker, topic, [Record(b"%d" % n, b"%d" % n) for n in range(count)])


def test_each_group_reads_all_and_its_members_share(broker, admin, topic, name, members, until):
    """F8, Acceptance 2."""
    where, alone, crowd = topic(10), name(), name()
    numbered(broker, where, 2_000)
    one = members(alone, [where])
    ten = [members(crowd, [where]) for _ in range(10)]
    assert until(lambda: settled(admin, crowd, ten, 10), 20)
    assert until(lambda: len(one.messages) >= 2_000)
    # Members commit nothing here, so each rebalance begins again; what comes now is read once.
    assert all(len(member.owned) == 1 for member in ten)
    for member in ten:
        member.messages.clear()
    each.Confluent.write(broker, where, [Record(b"%d" % n, b"new-%d" % n) for n in range(2_000)])

    def new():
        got = Counter(m.value() for member in ten for m in list(member.messages))
        return Counter({key: times for key, times in got.items() if key.startswith(b"new")})

    wanted = Counter(b"new-%d" % n for n in range(2_000))
    assert until(lambda: new() >= wanted, 15)
    assert new() == wanted
    assert until(lambda: len(one.messages) >= 4_000)
    assert len({message.value() for message in one.messages}) == 4_000


def test_of_five_consumers_on_four_partitions_one_is_idle(admin, topic, name, members, until):
    where, group = topic(4), name()
    five = [members(group, [where]) for _ in range(5)]
    assert until(lambda: settled(admin, group, five, 4), 20)
    assert sorted(len(member.owned) for member in five) == [0, 1, 1, 1, 1]


@pytest.mark.parametrize("client", each.LIBRARIES, ids=lambda kind: kind.__name__)
def test_a_successor_goes_on_after_the_last_commit(broker, topic, name, client):
    """Acceptance 4: one group is at 6, another at 13; the next messages are 7 and 14."""
    where, six, thirteen = topic(), name(), name()
    numbered(broker, where, 20)
    assert consume(client, broker, six, where, 7)[-1] == b"6"
    assert consume(client, broker, thirteen, where, 14)[-1] == b"13"
    assert consume(client, broker, six, where, 1) == [b"7"]
    assert consume(client, broker, thirteen, where, 1) == [b"14"]


def consume(client, broker, group, topic, count):
    """Joins a group, reads that many messages, commits them, and leaves."""
    if client is each.Confluent:
        member = clients.consumer(broker, group)
        member.subscribe([topic])
        read = clients.take(member, count)
        member.commit(message=read[-1], asynchronous=False)
        member.close()
        return clients.values(read)
    if client is each.KafkaPython:
        member = kafka.KafkaConsumer(
            topic, bootstrap_servers=broker, group_id=group, auto_offset_reset="earliest",
            enable_auto_commit=False, consumer_timeout_ms=15_000, max_poll_records=1,
        )
        read = [next(member).value for _ in range(count)]
        member.commit()
        member.close()
        return read

    async def run():
        member = aiokafka.AIOKafkaConsumer(
            topic, bootstrap_servers=broker, group_id=group, auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await member.start()
        try:
            read = [(await asyncio.wait_for(member.getone(), 15)).value for _ in range(count)]
            await member.commit()
            return read
        finally:
            await member.stop()

    return asyncio.run(run())


def test_commits_keep_their_metadata_and_are_per_partition(broker, admin, topic, name):
    where, group = topic(3), name()
    client = clients.consumer(broker, group)
    client.commit(
        offsets=[
            TopicPartition(where, 0, 5, metadata="five"), TopicPartition(where, 2, 7)
        ],
        asynchronous=False,
    )
    found = client.committed([TopicPartition(where, part) for part in range(3)], timeout=10)
    assert [place.offset for place in found] == [5, -1001, 7]
    client.close()
    asked = ConsumerGroupTopicPartitions(group)
    listed = admin.list_consumer_group_offsets([asked])[group].result(timeout=10)
    places = {place.partition: place for place in listed.topic_partitions}
    assert {part: place.offset for part, place in places.items()} == {0: 5, 2: 7}
    assert places[0].metadata == "five"


def test_auto_commit_saves_what_was_read_at_the_end(broker, topic, name):
    where, group = topic(), name()
    numbered(broker, where, 10)
    client = clients.consumer(broker, group, enable_auto_commit=True)
    client.subscribe([where])
    clients.take(client, 10)
    client.close()
    client = clients.consumer(broker, group)
    assert client.committed([TopicPartition(where, 0)], timeout=10)[0].offset == 10
    client.close()


def test_joins_leaves_and_more_partitions_rebalance(admin, topic, name, members, until):
    """F15, Acceptance 5."""
    where, group = topic(4), name()
    first = members(group, [where], topic_metadata_refresh_interval_ms=1_000)
    assert until(lambda: settled(admin, group, [first], 4))
    second = members(group, [where], topic_metadata_refresh_interval_ms=1_000)
    assert until(lambda: settled(admin, group, [first, second], 4))
    assert [len(first.owned), len(second.owned)] == [2, 2]
    admin.create_partitions([NewPartitions(where, 6)])[where].result(timeout=10)
    assert until(lambda: settled(admin, group, [first, second], 6), 15)
    first.stop()
    assert until(lambda: settled(admin, group, [second], 6))
    second.stop()
    assert until(lambda: described(admin, group).state == ConsumerGroupState.EMPTY)


def test_a_crashed_consumer_is_replaced_within_its_session(
    broker, admin, topic, name, members, until
):
    """Acceptance 5: `kill -9`, and a session of 6 s."""
    where, group = topic(4), name()
    survivor = members(group, [where])
    assert until(lambda: settled(admin, group, [survivor], 4))
    crash = (
        "import sys; from support.groups import Member\n"
        "member = Member(sys.argv[1], sys.argv[2], [sys.argv[3]])\n"
        "member.thread.join()"
    )
    here = pathlib.Path(__file__).parent
    victim = subprocess.Popen([sys.executable, "-c", crash, broker, group, where], cwd=here)
    try:
        assert until(lambda: len(survivor.owned) == 2, 15)
        assert until(lambda: described(admin, group).state == ConsumerGroupState.STABLE)
    finally:
        victim.send_signal(signal.SIGKILL)
        victim.wait()
    began = time.monotonic()
    assert until(lambda: settled(admin, group, [survivor], 4), 12)
    # The session lasts 6 s from the last heartbeat, the survivor learns by its own of 0.5 s.
    assert time.monotonic() - began < 6 + 2


@pytest.mark.parametrize(
    ("strategy", "wanted"),
    [("range", [[0, 1], [2, 3]]), ("roundrobin", [[0, 2], [1, 3]])],
)
def test_assignments_are_exact(admin, topic, name, members, until, strategy, wanted):
    """Acceptance 6: four partitions and two members."""
    where, group = topic(4), name()
    two = [members(group, [where], partition_assignment_strategy=strategy) for _ in range(2)]
    assert until(lambda: settled(admin, group, two, 4))
    assert sorted(member.partitions() for member in two) == wanted


def test_range_among_three_and_protocol_is_named(admin, topic, name, members, until):
    where, group = topic(4), name()
    three = [members(group, [where], partition_assignment_strategy="range") for _ in range(3)]
    assert until(lambda: settled(admin, group, three, 4), 15)
    assert sorted(member.partitions() for member in three) == [[0, 1], [2], [3]]
    said = described(admin, group)
    assert (said.partition_assignor, len(said.members)) == ("range", 3)
    assert all(member.client_id == "rdkafka" for member in said.members)
    assert all("127.0.0.1" in member.host for member in said.members)


def test_cooperative_members_keep_what_they_do_not_give_away(
    admin, topic, name, members, until
):
    where, group = topic(4), name()
    strategy = {"partition_assignment_strategy": "cooperative-sticky"}
    first = members(group, [where], **strategy)
    assert until(lambda: settled(admin, group, [first], 4))
    second = members(group, [where], **strategy)
    assert until(lambda: settled(admin, group, [first, second], 4), 15)
    assert len(first.owned) == len(second.owned) == 2
    # An eager member would have given up all four.
    assert first.ever_revoked == second.owned
    second.stop()
    assert until(lambda: settled(admin, group, [first], 4), 15)


def test_a_static_member_comes_back_to_its_partitions(
    broker, admin, topic, name, members, until
):
    where, group = topic(4), name()
    first = members(group, [where], group_instance_id="one")
    second = members(group, [where], group_instance_id="two")
    assert until(lambda: settled(admin, group, [first, second], 4), 15)
    owned, times = set(second.owned), first.assignments
    second.stop()
    third = members(group, [where], group_instance_id="two")
    assert until(lambda: third.owned == owned, 15)
    assert spread([first, third], 4)
    # Nobody else was disturbed, neither when it went nor when it came.
    assert first.assignments == times
    said = {member.group_instance_id for member in described(admin, group).members}
    assert said == {"one", "two"}


def test_the_older_of_two_with_one_instance_id_is_fenced(topic, name, members, until):
    where, group = topic(2), name()
    older = members(group, [where], group_instance_id="same")
    assert until(lambda: len(older.owned) == 2)
    newer = members(group, [where], group_instance_id="same")
    assert until(lambda: len(newer.owned) == 2, 15)
    assert until(lambda: older.errors, 15)
    assert older.errors[0].fatal() or "fenced" in str(older.errors[0]).lower()


def test_a_pattern_subscribes_to_topics_made_later(topic, name, members, until):
    """F20."""
    group, first = name(), topic()
    member = members(group, [f"^{first}.*"], topic_metadata_refresh_interval_ms=500)
    assert until(lambda: member.owned == {(first, 0)})
    later = topic(2, called=f"{first}.later")
    assert until(lambda: member.owned == {(first, 0), (later, 0), (later, 1)}, 15)


def test_a_group_of_several_topics(admin, topic, name, members, until):
    """F6."""
    topics, group = [topic(2), topic(3)], name()
    two = [members(group, topics) for _ in range(2)]
    assert until(lambda: settled(admin, group, two, 5), 15)


def test_the_newer_protocol_of_groups(broker, admin, topic, name, members, until):
    """KIP-848, where the broker assigns."""
    if not wire.offers(broker, wire.CONSUMER_GROUP_HEARTBEAT):
        pytest.skip("the broker does not offer it")
    where, group = topic(4), name()
    newer = {"group_protocol": "consumer"}
    first = members(group, [where], **newer)
    assert until(lambda: settled(admin, group, [first], 4), 20)
    second = members(group, [where], **newer)
    assert until(lambda: settled(admin, group, [first, second], 4), 20)
    assert len(first.owned) == len(second.owned) == 2
    numbered(broker, where, 100)
    assert until(lambda: len(first.messages) + len(second.messages) == 100)
    kept = len(first.messages)
    second.stop(commit=True)
    assert until(lambda: settled(admin, group, [first], 4), 20)
    # What the second had committed is not read again, and what comes now is.
    numbered(broker, where, 100)
    assert until(lambda: len(first.messages) >= kept + 100)
    assert len(first.messages) == kept + 100


def test_members_of_all_libraries_share_one_group(broker, topic, name, members, until):
    where, group = topic(4), name()
    own = members(group, [where], partition_assignment_strategy="range")
    other = kafka.KafkaConsumer(
        where, bootstrap_servers=broker, group_id=group, auto_offset_reset="earliest",
        heartbeat_interval_ms=500, session_timeout_ms=6_000,
    )

    def shared():
        other.poll(timeout_ms=100)
        return len(own.owned) == 2 and len(other.assignment()) == 2

    assert until(shared, 15)
    theirs = {place.partition for place in other.assignment()}
    assert theirs | set(own.partitions()) == {0, 1, 2, 3}
    other.close()
    assert until(lambda: len(own.owned) == 4)


def test_two_hundred_groups_at_once(broker, admin, topic, name):
    """Acceptance 23, scaled: all join, commit and are there afterwards."""
    where, prefix = topic(), name()
    numbered(broker, where, 1)
    groups = [f"{prefix}-{number}" for number in range(200)]

    async def run():
        async def join(number, group):
            member = aiokafka.AIOKafkaConsumer(
                where, bootstrap_servers=broker, group_id=group, enable_auto_commit=False,
                auto_offset_reset="earliest",
            )
            await member.start()
            await member.getone()
            place = aiokafka.TopicPartition(where, 0)
            await member.commit({place: number + 1})
            return member

        async with asyncio.timeout(40):
            joined = await asyncio.gather(*(join(n, group) for n, group in enumerate(groups)))
            listed = admin.list_consumer_groups().result(timeout=10).valid
            await asyncio.gather(*(member.stop() for member in joined))
        return {found.group_id: found.state for found in listed}

    states = asyncio.run(run())
    assert all(states.get(group) == ConsumerGroupState.STABLE for group in groups)
    committed = defaultdict(int)
    python = kafka.KafkaAdminClient(bootstrap_servers=broker)
    for group, places in python.list_group_offsets(groups).items():
        for place, offset in places.items():
            committed[group] += offset.offset
            assert place == kafka.TopicPartition(where, 0)
    python.close()
    assert committed == {group: number + 1 for number, group in enumerate(groups)}
