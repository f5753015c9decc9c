"""The tools that come with Apache Kafka, and with them its Java clients."""

import signal
import subprocess

import pytest
from confluent_kafka import ConsumerGroupState, TopicPartition

from support import clients, each, java, wire
from support.each import Record
from support.groups import described

pytestmark = pytest.mark.java

TOPICS = "tools.TopicCommand"
GROUPS = "tools.consumer.group.ConsumerGroupCommand"
CONFIGS = "tools.ConfigCommand"
CONSOLE_PRODUCER = "tools.ConsoleProducer"
CONSOLE_CONSUMER = "tools.consumer.ConsoleConsumer"
VERIFIABLE_PRODUCER = "tools.VerifiableProducer"
VERIFIABLE_CONSUMER = "tools.VerifiableConsumer"


@pytest.fixture
def tool(broker):
    """Runs a tool against the broker."""

    def run(main, *arguments, **settings):
        return java.run(main, "--bootstrap-server", broker, *arguments, **settings)

    return run


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_what_the_console_producer_writes_all_read(broker, topic, tool, codec):
    where = topic(3)
    lines = [(b"key-%d" % number, b"value %d" % number) for number in range(200)]
    given = "".join(f"h:{n}\t{key.decode()}\t{value.decode()}\n" for n, (key, value) in
                    enumerate(lines))
    tool(
        CONSOLE_PRODUCER, "--topic", where, "--compression-codec", codec,
        "--reader-property", "parse.key=true", "--reader-property", "parse.headers=true",
        given=given,
    )
    read = each.Confluent.read(broker, where, 200)
    seen = sorted((record.key, record.value, record.headers) for _, record in read)
    assert seen == sorted(
        (key, value, (("h", b"%d" % number),)) for number, (key, value) in enumerate(lines)
    )
    if codec == "none":
        # And puts each key where the others put it.
        own = {record.key: partition for partition, record in read}
        other = topic(3)
        each.KafkaPython.write(broker, other, [Record(key, value) for key, value in lines])
        theirs = each.KafkaPython.read(broker, other, 200)
        assert own == {record.key: partition for partition, record in theirs}


def test_the_console_consumer_reads_what_all_write(broker, topic, tool):
    where = topic()
    for codec in ("gzip", "snappy", "lz4", "zstd"):
        for client in each.LIBRARIES:
            record = Record(b"k", f"{client.__name__} {codec}".encode(), (("h", b"1"),))
            client.write(broker, where, [record] * 3, codec)
    printed = tool(
        CONSOLE_CONSUMER, "--topic", where, "--from-beginning", "--max-messages", 36,
        "--formatter-property", "print.key=true", "--formatter-property", "print.headers=true",
    )
    wanted = [
        f"h:1\tk\t{client.__name__} {codec}"
        for codec in ("gzip", "snappy", "lz4", "zstd")
        for client in each.LIBRARIES
        for _ in range(3)
    ]
    assert printed.splitlines() == wanted


def test_the_console_consumer_goes_on_in_its_group(broker, topic, tool, name):
    where, group = topic(), name()
    each.Confluent.write(broker, where, [Record(b"k", b"%d" % n) for n in range(10)])
    arguments = ["--topic", where, "--group", group, "--from-beginning", "--max-messages"]
    assert tool(CONSOLE_CONSUMER, *arguments, 7).split() == [str(n) for n in range(7)]
    assert tool(CONSOLE_CONSUMER, *arguments, 3).split() == ["7", "8", "9"]


def test_the_verifiable_producer_is_acknowledged_throughout(broker, topic, tool):
    where = topic(4)
    printed = tool(VERIFIABLE_PRODUCER, "--topic", where, "--max-messages", 2_000, "--acks", -1)
    told = java.events(printed)
    assert "producer_send_error" not in told
    assert (told["tool_data"][0]["sent"], told["tool_data"][0]["acked"]) == (2_000, 2_000)
    acked = {(event["partition"], event["offset"]) for event in told["producer_send_success"]}
    read = clients.whole(broker, where)
    assert {(message.partition(), message.offset()) for message in read} == acked
    assert sorted(int(value) for value in clients.values(read)) == list(range(2_000))


@pytest.mark.parametrize("protocol", ["classic", "consumer"])
def test_verifiable_consumers_share_and_verify(broker, admin, topic, name, until, protocol):
    where, group = topic(4), name()
    if protocol == "consumer" and not wire.offers(broker, wire.CONSUMER_GROUP_HEARTBEAT):
        pytest.skip("the broker does not offer the group protocol of KIP-848")
    command = java.command(
        VERIFIABLE_CONSUMER, "--bootstrap-server", broker, "--topic", where,
        "--group-id", group, "--group-protocol", protocol, "--verbose", "--reset-policy",
        "earliest", *(["--session-timeout", 6_000] if protocol == "classic" else []),
    )
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:

        def shared():
            said = described(admin, group)
            return (
                said.state == ConsumerGroupState.STABLE
                and [len(member.assignment.topic_partitions) for member in said.members] == [2, 2]
            )

        assert until(shared, 25)
        messages = [{"value": b"%d" % n, "partition": n % 4} for n in range(1_000)]
        clients.send(clients.producer(broker), where, messages)

        def committed():
            asked = clients.consumer(broker, group)
            places = [TopicPartition(where, part) for part in range(4)]
            found = asked.committed(places, timeout=10)
            asked.close()
            return [place.offset for place in found] == [250] * 4

        assert until(committed, 20)
    finally:
        for consumer in both:
            consumer.send_signal(signal.SIGTERM)
        told = [java.events(consumer.communicate(timeout=20)[0]) for consumer in both]
    seen = [
        (event["partition"], event["offset"])
        for events in told for event in events["record_data"]
    ]
    assert sorted(seen) == sorted((part, offset) for part in range(4) for offset in range(250))
    assert all(event["success"] for events in told for event in events["offsets_committed"])


def test_share_consumers_share_a_partition(broker, topic, tool, name):
    """KIP-932: what the first has not acknowledged, and only that, goes to the second."""
    if not wire.offers(broker, wire.SHARE_FETCH):
        pytest.skip("the broker does not offer share groups")
    where, group = topic(), name()
    each.Confluent.write(broker, where, [Record(b"k", b"%d" % n) for n in range(10)])
    tool(
        CONFIGS, "--alter", "--entity-type", "groups", "--entity-name", group,
        "--add-config", "share.auto.offset.reset=earliest",
    )
    arguments = ["--topic", where, "--group", group, "--timeout-ms", 20_000, "--max-messages"]
    console = "tools.consumer.ConsoleShareConsumer"
    assert tool(console, *arguments, 6).split() == [str(n) for n in range(6)]
    assert tool(console, *arguments, 4).split() == ["6", "7", "8", "9"]


def test_topics_by_the_command_line(admin, tool, name):
    where = name()
    made = tool(
        TOPICS, "--create", "--topic", where, "--partitions", 2, "--config", "retention.ms=9000"
    )
    assert f"Created topic {where}" in made
    assert where in tool(TOPICS, "--list").split()
    tool(TOPICS, "--alter", "--topic", where, "--partitions", 3)
    said = tool(TOPICS, "--describe", "--topic", where)
    assert "PartitionCount: 3" in said
    assert "retention.ms=9000" in said
    assert said.count("Leader:") == 3
    again = tool(TOPICS, "--create", "--topic", where, "--partitions", 2, fails=True)
    assert "already exists" in again
    tool(TOPICS, "--delete", "--topic", where)
    assert where not in tool(TOPICS, "--list").split()


def test_configurations_by_the_command_line(topic, tool):
    where = topic()
    entity = ["--entity-type", "topics", "--entity-name", where]
    tool(CONFIGS, "--alter", *entity, "--add-config", "retention.ms=9000,segment.bytes=1048576")
    said = tool(CONFIGS, "--describe", *entity)
    assert "retention.ms=9000" in said and "segment.bytes=1048576" in said
    tool(CONFIGS, "--alter", *entity, "--delete-config", "retention.ms")
    said = tool(CONFIGS, "--describe", *entity)
    assert "retention.ms" not in said and "segment.bytes=1048576" in said
    wrong = tool(CONFIGS, "--alter", *entity, "--add-config", "retention.ms=soon", fails=True)
    assert "Invalid value soon" in wrong


def test_groups_by_the_command_line(broker, admin, topic, tool, name):
    """F29: the lag of a group, and how its offsets are set."""
    where, group = topic(), name()
    each.Confluent.write(broker, where, [Record(b"k", b"%d" % n) for n in range(10)])
    client = clients.consumer(broker, group)
    client.commit(offsets=[TopicPartition(where, 0, 4)], asynchronous=False)
    client.close()
    assert group in tool(GROUPS, "--list").split()
    (row,) = [
        line.split() for line in tool(GROUPS, "--describe", "--group", group).splitlines()
        if where in line
    ]
    assert row[:3] == [group, where, "0"]
    numbers = [int(column) for column in row[3:] if column.isdigit()]
    # Newer releases have a column for the leader epoch before these.
    assert [4, 10, 6] == numbers[-3:]
    reset = ["--reset-offsets", "--group", group, "--topic", where, "--execute"]
    tool(GROUPS, *reset, "--shift-by", "-3")
    assert committed_to(broker, group, where) == 1
    tool(GROUPS, *reset, "--to-latest")
    assert committed_to(broker, group, where) == 10
    tool(GROUPS, "--delete-offsets", "--group", group, "--topic", where)
    assert committed_to(broker, group, where) == -1001
    tool(GROUPS, "--delete", "--group", group)
    assert group not in tool(GROUPS, "--list").split()


def committed_to(broker, group, topic):
    client = clients.consumer(broker, group)
    (found,) = client.committed([TopicPartition(topic, 0)], timeout=10)
    client.close()
    return found.offset


def test_offsets_and_deleted_records_by_the_command_line(broker, topic, tool, tmp_path):
    where = topic()
    each.Confluent.write(broker, where, [Record(b"k", b"v")] * 10)
    plan = tmp_path / "plan.json"
    plan.write_text(
        '{"version": 1, "partitions": [{"topic": "%s", "partition": 0, "offset": 3}]}' % where
    )
    tool("tools.DeleteRecordsCommand", "--offset-json-file", plan)
    at = ["--topic", where, "--time"]
    assert tool("tools.GetOffsetShell", *at, "earliest").strip() == f"{where}:0:3"
    assert tool("tools.GetOffsetShell", *at, "latest").strip() == f"{where}:0:10"


def test_the_performance_producer_writes_in_transactions(broker, topic, tool, name):
    where = topic(2)
    tool(
        "tools.ProducerPerformance", "--topic", where, "--num-records", 3_000,
        "--record-size", 100, "--throughput", -1, "--transactional-id", name(),
        "--transaction-duration-ms", 100,
    )
    read = clients.whole(broker, where, isolation_level="read_committed")
    assert [len(value) for value in clients.values(read)] == [100] * 3_000


def test_versions_are_understood(broker, tool):
    said = tool("tools.BrokerApiVersionsCommand")
    assert broker in said
    assert "Produce(0):" in said and "Fetch(1):" in said
    # Those that its own client would use.
    assert "usable:" in said
