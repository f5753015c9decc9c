"""Reading: from any place, by time, at the ends of the log, and while nothing is there."""

import asyncio
import statistics
import threading
import time

import aiokafka
import kafka
import kafka.errors
import pytest
from confluent_kafka import (
    OFFSET_BEGINNING, OFFSET_END, IsolationLevel, KafkaError, KafkaException, TopicPartition,
)
from confluent_kafka.admin import OffsetSpec

from kafka.protocol.consumer import OffsetForLeaderEpochRequest

from support import clients, each, wire
from support.each import Record

pytestmark = pytest.mark.core

FIRST_MS = 1_700_000_000_000


@pytest.fixture
def numbered(broker, topic):
    """A topic of 100 messages, one a second, each its own batch."""
    where = topic()
    with wire.Wire(broker) as connection:
        for number in range(100):
            batch = wire.batch([b"%d" % number], first_ms=FIRST_MS + 1_000 * number)
            assert connection.produce(where, batch).base_offset == number
    return where


def test_seek_to_the_beginning_returns_identical_bytes(broker, topic):
    """F9, Acceptance 3."""
    where = topic()
    each.Confluent.write(broker, where, [Record(b"%d" % n, b"x" * n) for n in range(500)], "lz4")
    client = clients.consumer(broker)
    client.assign([TopicPartition(where, 0, OFFSET_BEGINNING)])
    first = clients.take(client, 500)
    client.seek(TopicPartition(where, 0, 0))
    again = clients.take(client, 500)
    client.seek(TopicPartition(where, 0, 250))
    half = clients.take(client, 250)
    client.close()

    def seen(messages):
        return [(m.offset(), m.key(), m.value(), m.timestamp()) for m in messages]

    assert seen(first) == seen(again)
    assert seen(half) == seen(first)[250:]


def test_seek_of_the_other_clients(broker, numbered):
    place = kafka.TopicPartition(numbered, 0)
    client = kafka.KafkaConsumer(bootstrap_servers=broker, consumer_timeout_ms=10_000)
    client.assign([place])
    client.seek(place, 42)
    assert next(client).value == b"42"
    client.seek_to_beginning(place)
    assert next(client).value == b"0"
    client.seek_to_end(place)
    assert client.position(place) == 100
    client.close()

    async def run():
        client = aiokafka.AIOKafkaConsumer(bootstrap_servers=broker)
        await client.start()
        place = aiokafka.TopicPartition(numbered, 0)
        client.assign([place])
        client.seek(place, 42)
        read = (await asyncio.wait_for(client.getone(), 10)).value
        await client.stop()
        return read

    assert asyncio.run(run()) == b"42"


def test_list_offsets_of_the_ends_and_of_times(broker, admin, numbered):
    """Acceptance 3."""
    place = TopicPartition(numbered, 0)

    def listed(spec):
        found = admin.list_offsets({place: spec})[place].result(timeout=10)
        return found.offset

    assert listed(OffsetSpec.earliest()) == 0
    assert listed(OffsetSpec.latest()) == 100
    assert listed(OffsetSpec.for_timestamp(FIRST_MS)) == 0
    assert listed(OffsetSpec.for_timestamp(FIRST_MS - 5)) == 0
    assert listed(OffsetSpec.for_timestamp(FIRST_MS + 41_001)) == 42
    assert listed(OffsetSpec.for_timestamp(FIRST_MS + 42_000)) == 42
    assert listed(OffsetSpec.for_timestamp(FIRST_MS + 99_001)) == -1
    found = admin.list_offsets({place: OffsetSpec.max_timestamp()})[place].result(timeout=10)
    assert (found.offset, found.timestamp) == (99, FIRST_MS + 99_000)


def test_offsets_for_times_within_one_batch(broker, topic):
    where = topic()
    with wire.Wire(broker) as connection:
        connection.produce(where, wire.batch([b"v"] * 50, "gzip", first_ms=FIRST_MS))
    client = kafka.KafkaConsumer(bootstrap_servers=broker)
    place = kafka.TopicPartition(where, 0)
    found = client.offsets_for_times({place: FIRST_MS + 30})[place]
    assert (found.offset, found.timestamp) == (30, FIRST_MS + 30)
    assert client.beginning_offsets([place]) == {place: 0}
    assert client.end_offsets([place]) == {place: 50}
    client.close()


def test_offset_out_of_range_is_an_error_or_a_reset(broker, numbered):
    def first(reset):
        client = clients.consumer(broker, auto_offset_reset=reset)
        client.assign([TopicPartition(numbered, 0, 1_000)])
        try:
            return clients.take(client, 1)[0].offset()
        finally:
            client.close()

    with pytest.raises(KafkaException) as refused:
        first("error")
    assert refused.value.args[0].code() == KafkaError._AUTO_OFFSET_RESET
    assert first("earliest") == 0
    client = kafka.KafkaConsumer(bootstrap_servers=broker, auto_offset_reset="none")
    place = kafka.TopicPartition(numbered, 0)
    client.assign([place])
    client.seek(place, 1_000)
    with pytest.raises(kafka.errors.OffsetOutOfRangeError):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            client.poll(timeout_ms=500)
    client.close()


def test_at_the_end_a_fetch_is_empty_and_beyond_it_an_error(broker, numbered):
    with wire.Wire(broker) as connection:
        end = connection.fetch(numbered, 100, wait_ms=50)
        assert (end.error_code, end.high_watermark) == (wire.NONE, 100)
        assert not end.records
        assert connection.fetch(numbered, 101).error_code == wire.OFFSET_OUT_OF_RANGE
        assert connection.fetch(numbered, -1).error_code == wire.OFFSET_OUT_OF_RANGE
        unknown = connection.fetch(f"{numbered}.not", 0)
        assert unknown.error_code == wire.UNKNOWN_TOPIC_OR_PARTITION


def test_the_end_of_a_leader_epoch(broker, numbered):
    part = OffsetForLeaderEpochRequest.OffsetForLeaderTopic.OffsetForLeaderPartition

    def ask(current, wanted):
        topics = [
            OffsetForLeaderEpochRequest.OffsetForLeaderTopic(
                topic=numbered,
                partitions=[
                    part(partition=0, current_leader_epoch=current, leader_epoch=wanted)
                ],
            )
        ]
        with wire.Wire(broker) as connection:
            asked = OffsetForLeaderEpochRequest[3](replica_id=-2, topics=topics)
            return connection.ask(asked).topics[0].partitions[0]

    with wire.Wire(broker) as connection:
        stored = wire.batches(connection.fetch(numbered, 0).records)[0]
    epoch = int.from_bytes(stored[wire.EPOCH], "big")
    found = ask(-1, epoch)
    assert (found.error_code, found.leader_epoch, found.end_offset) == (wire.NONE, epoch, 100)
    assert ask(-1, epoch + 7).end_offset == -1
    assert ask(epoch + 7, epoch).error_code == wire.UNKNOWN_LEADER_EPOCH


def test_a_message_larger_than_the_fetch_limit_is_returned(broker, topic):
    where = topic()
    clients.send(clients.producer(broker), where, [b"x" * 200_000, b"y" * 200_000])
    client = kafka.KafkaConsumer(
        where, bootstrap_servers=broker, auto_offset_reset="earliest",
        max_partition_fetch_bytes=1_000, fetch_max_bytes=1_000, consumer_timeout_ms=10_000,
    )
    assert [len(next(client).value) for _ in range(2)] == [200_000, 200_000]
    client.close()


def test_limits_of_a_fetch_hold_when_there_is_more(broker, numbered):
    with wire.Wire(broker) as connection:
        size = len(wire.batches(connection.fetch(numbered, 0).records)[0])
        part = connection.fetch(numbered, 0, partition_max_bytes=10 * size)
        assert len(part.records) <= 10 * size
        assert 8 <= len(wire.batches(part.records)) <= 10


def test_an_empty_fetch_waits_as_long_as_it_says(broker, numbered):
    with wire.Wire(broker) as connection:
        began = time.monotonic()
        assert not connection.fetch(numbered, 100, wait_ms=700).records
        assert 0.6 <= time.monotonic() - began < 5
        # Few bytes are not enough either when more are asked for.
        began = time.monotonic()
        part = connection.fetch(numbered, 99, wait_ms=700, min_bytes=1_000_000)
        assert len(wire.batches(part.records)) == 1
        assert 0.6 <= time.monotonic() - began < 5


def test_a_waiting_consumer_is_woken_at_once(broker, topic):
    """Acceptance 21: not by its own wait, which is 100 times as long as what is allowed here."""
    where = topic()
    client = clients.consumer(broker, fetch_wait_max_ms=20_000, session_timeout_ms=60_000)
    client.assign([TopicPartition(where, 0, OFFSET_END)])
    assert client.poll(1.0) is None
    writer = clients.producer(broker, linger_ms=0)
    waits = []
    for number in range(20):
        began = time.monotonic()
        thread = threading.Thread(target=clients.send, args=(writer, where, [b"%d" % number]))
        thread.start()
        (message,) = clients.take(client, 1)
        waits.append(time.monotonic() - began)
        thread.join()
        assert message.value() == b"%d" % number
    client.close()
    assert statistics.median(waits) < 0.2, waits


def test_many_waiting_consumers_are_woken_by_their_own_partition(broker, topic):
    where = topic(20)
    got = {}

    async def run():
        async def wait(partition):
            client = aiokafka.AIOKafkaConsumer(
                bootstrap_servers=broker, fetch_max_wait_ms=10_000, auto_offset_reset="earliest"
            )
            await client.start()
            client.assign([aiokafka.TopicPartition(where, partition)])
            message = await client.getone()
            got[message.partition] = message.value
            await client.stop()

        waiting = [asyncio.create_task(wait(partition)) for partition in range(20)]
        await asyncio.sleep(1)
        writer = aiokafka.AIOKafkaProducer(bootstrap_servers=broker)
        await writer.start()
        for partition in range(20):
            await writer.send_and_wait(where, b"%d" % partition, partition=partition)
        await asyncio.wait_for(asyncio.gather(*waiting), 8)
        await writer.stop()

    asyncio.run(run())
    assert got == {partition: b"%d" % partition for partition in range(20)}


def test_paused_partitions_give_nothing_until_resumed(broker, topic):
    where = topic(2)
    writer = clients.producer(broker)
    clients.send(writer, where, [{"value": b"%d" % p, "partition": p} for p in (0, 1)])
    client = clients.consumer(broker)
    places = [TopicPartition(where, partition, OFFSET_BEGINNING) for partition in (0, 1)]
    client.assign(places)
    client.pause(places[:1])
    assert clients.values(clients.drain(client)) == [b"1"]
    client.resume(places[:1])
    assert clients.values(clients.take(client, 1)) == [b"0"]
    client.close()


def test_a_consumer_of_many_topics_sees_what_comes_to_any(broker, topic):
    """Goes on in one fetch session while most partitions have nothing new."""
    topics = [topic(10) for _ in range(4)]
    client = kafka.KafkaConsumer(
        bootstrap_servers=broker, auto_offset_reset="earliest", consumer_timeout_ms=10_000
    )
    client.assign([kafka.TopicPartition(one, part) for one in topics for part in range(10)])
    writer = clients.producer(broker)
    for turn in range(10):
        where, partition = topics[turn % 4], (turn * 7) % 10
        clients.send(writer, where, [{"value": b"%d" % turn, "partition": partition}])
        message = next(client)
        assert (message.topic, message.partition) == (where, partition)
        assert message.value == b"%d" % turn
    client.close()


def test_metadata_names_the_broker_and_the_leaders(broker, admin, topic):
    where = topic(3)
    found = admin.list_topics(where, timeout=10)
    assert found.controller_id in found.brokers
    said = {f"{node.host}:{node.port}" for node in found.brokers.values()}
    assert broker in said
    for part in found.topics[where].partitions.values():
        assert part.leader in found.brokers
        assert part.replicas == part.isrs == [part.leader]
    cluster = admin.describe_cluster().result(timeout=10)
    assert cluster.cluster_id
    assert [node.id for node in cluster.nodes] == list(found.brokers)


def test_watermarks_and_isolation(broker, admin, numbered):
    place = TopicPartition(numbered, 0)
    client = clients.consumer(broker)
    assert client.get_watermark_offsets(place, timeout=10) == (0, 100)
    client.close()
    listed = admin.list_offsets(
        {place: OffsetSpec.latest()}, isolation_level=IsolationLevel.READ_COMMITTED
    )
    assert listed[place].result(timeout=10).offset == 100
