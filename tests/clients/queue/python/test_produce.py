"""Messages as they go in and come out: by each client, in each codec, and at the limits."""

import itertools
import struct
from collections import defaultdict

import kafka.errors
import pytest
from confluent_kafka import KafkaError, KafkaException
from kafka.protocol.metadata import ApiVersionsRequest

from support import clients, each, wire
from support.each import Record

pytestmark = pytest.mark.core

KIB = 1_024
# The limit that is asked of every broker; Kafka's own adds the overhead of a batch.
LIMIT = 1_048_576


def by_name(kinds):
    return pytest.mark.parametrize("client", kinds, ids=lambda kind: kind.__name__)


@by_name(each.ALL)
def test_keyed_messages_keep_their_order_and_partition(broker, topic, client):
    """Acceptance 1, scaled."""
    where = topic(6)
    count = 20_000 if client in (each.Kcat, each.Confluent) else 4_000
    records = [
        Record(b"key-%d" % (number % 97), (b"%08d" % number).ljust(KIB, b"."))
        for number in range(count)
    ]
    client.write(broker, where, records)
    numbers = defaultdict(list)
    partitions = defaultdict(set)
    for partition, record in client.read(broker, where, count):
        number = int(record.value[:8])
        assert record.key == b"key-%d" % (number % 97)
        assert len(record.value) == KIB
        numbers[partition].append(number)
        partitions[record.key].add(partition)
    assert sorted(itertools.chain(*numbers.values())) == list(range(count))
    for partition, seen in numbers.items():
        assert seen == sorted(seen), f"partition {partition} is out of order"
    assert all(len(places) == 1 for places in partitions.values())
    assert len(numbers) == 6


def test_all_clients_agree_on_the_partition_of_a_key(broker, topic):
    where = topic(6)
    keys = [b"key-%d" % number for number in range(60)]
    for client in each.ALL:
        client.write(broker, where, [Record(key, client.__name__.encode()) for key in keys])
    placed = defaultdict(set)
    for partition, record in each.Confluent.read(broker, where, 60 * len(each.ALL)):
        placed[record.key].add(partition)
    assert len(placed) == 60
    assert all(len(partitions) == 1 for partitions in placed.values())


EVERY_BYTE = bytes(range(256))
ODD = [
    Record(b"k", b"v"),
    Record(None, b"no key"),
    Record(b"", b"empty key"),
    Record(b"tombstone", None),
    Record(b"empty value", b""),
    Record(EVERY_BYTE, EVERY_BYTE * 40, (("every", EVERY_BYTE),)),
    Record(b"headers", b"v", (("a", b"1"), ("b", b""), ("a", b"2"), ("\u00fc", b"\x00\xff"))),
    Record(b"old", b"v", timestamp=1),
]


@pytest.mark.parametrize("writer", each.LIBRARIES, ids=lambda kind: kind.__name__)
def test_headers_tombstones_and_times_come_back_byte_for_byte(broker, topic, writer):
    where = topic()
    writer.write(broker, where, ODD)
    for reader in each.LIBRARIES:
        read = [record for _, record in reader.read(broker, where, len(ODD))]
        assert read == ODD, f"as {reader.__name__} reads it"


def test_a_header_without_a_value_is_not_an_empty_one(broker, topic):
    where = topic()
    record = Record(b"k", b"v", (("none", None), ("empty", b"")))
    each.Confluent.write(broker, where, [record])
    assert each.Confluent.read(broker, where, 1) == [(0, record)]


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
@pytest.mark.parametrize("writer", each.LIBRARIES, ids=lambda kind: kind.__name__)
def test_each_codec_of_each_client_is_read_by_the_others(broker, topic, writer, codec):
    where = topic()
    records = [Record(b"%d" % number, b"ab" * number) for number in range(300)]
    writer.write(broker, where, records, codec)
    for reader in each.LIBRARIES:
        assert [record for _, record in reader.read(broker, where, 300)] == records


@pytest.mark.parametrize("codec", wire.CODECS)
def test_stored_bytes_are_the_producers(broker, topic, codec):
    """Acceptance 9: the checksum and all that it covers stay what they were."""
    where = topic()
    sent = [wire.batch([b"%d" % number * 50 for number in range(40)], codec) for _ in range(3)]
    with wire.Wire(broker) as connection:
        for number, batch in enumerate(sent):
            answer = connection.produce(where, batch)
            assert (answer.error_code, answer.base_offset) == (wire.NONE, 40 * number)
        part = connection.fetch(where, 0)
    assert (part.error_code, part.high_watermark) == (wire.NONE, 120)
    stored = wire.batches(part.records)
    assert [batch[wire.CRC.start:] for batch in stored] == [
        batch[wire.CRC.start:] for batch in sent
    ]
    assert [struct.unpack(">q", batch[:8])[0] for batch in stored] == [0, 40, 80]


def test_a_corrupt_batch_is_refused(broker, topic):
    where = topic()
    batch = bytearray(wire.batch([b"value"] * 10))
    batch[-3] ^= 0x10
    with wire.Wire(broker) as connection:
        assert connection.produce(where, bytes(batch)).error_code == wire.CORRUPT_MESSAGE
        assert connection.produce(where, wire.batch([b"good"])).base_offset == 0


def test_each_ack_level(broker, topic):
    where = topic()
    for acks in (0, 1, "all"):
        client = clients.producer(broker, acks=acks)
        clients.send(client, where, [b"%s" % str(acks).encode()] * 10)
    client = clients.consumer(broker)
    client.assign([clients.TopicPartition(where, 0, 0)])
    read = clients.values(clients.take(client, 30))
    client.close()
    assert sorted(read) == sorted([b"0", b"1", b"all"] * 10)


def test_no_acks_have_no_response(broker, topic):
    where = topic()
    with wire.Wire(broker) as connection:
        connection.send(wire.produce_request(where, wire.batch([b"quiet"]), acks=0))
        asked = ApiVersionsRequest[3](client_software_name="wire", client_software_version="1")
        # Would be the produce request's, if that had one.
        assert connection.ask(asked).error_code == wire.NONE
        assert connection.produce(where, wire.batch([b"loud"])).base_offset == 1


def test_responses_come_in_the_order_of_requests(broker, topic):
    where = topic()
    with wire.Wire(broker) as connection:
        # The first waits at the end of the log, and holds up the others.
        sent = [connection.send(wire.fetch_request(where, 0, wait_ms=300))]
        sent += [
            connection.send(wire.produce_request(where, wire.batch([b"%d" % number])))
            for number in range(5)
        ]
        answers = [connection.receive() for _ in sent]
    assert [correlation for correlation, _ in answers] == sent
    produced = [answer.responses[0].partition_responses[0] for _, answer in answers[1:]]
    assert [part.base_offset for part in produced] == list(range(5))


def test_an_unknown_version_is_answered_in_the_oldest(broker):
    with wire.Wire(broker) as connection:
        # What follows the header is its tags, and a body in a form that is known.
        answer = connection.raw(18, 99, b"\x00" b"\x02a\x021\x00")
        error, count = struct.unpack(">hi", answer[:6])
        assert error == wire.UNSUPPORTED_VERSION
        entries = struct.iter_unpack(">hhh", answer[6:6 + 6 * count])
        keys = {key: (low, high) for key, low, high in entries}
        assert keys[18][0] == 0 and keys[18][1] >= 3


def test_versions_name_what_the_clients_need(broker):
    needed = {
        0: 9, 1: 11, 2: 5, 3: 9, 8: 7, 9: 7, 10: 3, 11: 7, 12: 4, 13: 4, 14: 5, 15: 5, 16: 4,
        18: 3, 19: 5, 20: 4, 21: 2, 22: 4, 23: 3, 24: 3, 25: 3, 26: 3, 28: 3, 32: 4, 37: 3,
        42: 2, 44: 1, 47: 0, 60: 0,
    }
    offered = wire.versions(broker)
    missing = {
        key for key, version in needed.items()
        if key not in offered
        or not offered[key].min_version <= version <= offered[key].max_version
    }
    assert not missing


def test_the_largest_message_and_one_that_is_too_large(broker, topic):
    where = topic()
    client = clients.producer(broker, message_max_bytes=4 * LIMIT)
    clients.send(client, where, [b"x" * (LIMIT - 200)])
    with pytest.raises(KafkaException) as refused:
        clients.send(client, where, [b"x" * (LIMIT + 200)])
    assert refused.value.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE
    assert clients.send(client, where, [b"after"]) == [(0, 1)]
    other = kafka.KafkaProducer(bootstrap_servers=broker, max_request_size=4 * LIMIT)
    with pytest.raises(kafka.errors.KafkaError) as refused:
        other.send(where, b"x" * (2 * LIMIT)).get(timeout=10)
    other.close()
    assert "MessageSizeTooLarge" in repr(refused.value)


def test_a_topic_sets_its_own_largest_message(broker, topic):
    where = topic(max_message_bytes=2_000)
    with wire.Wire(broker) as connection:
        assert connection.produce(where, wire.batch([b"x" * 1_000])).error_code == wire.NONE
        error = connection.produce(where, wire.batch([b"x" * 2_000])).error_code
        assert error == wire.MESSAGE_TOO_LARGE


def test_an_unknown_topic_is_refused_and_not_made(broker, admin, name):
    where = name()
    client = clients.producer(
        broker, message_timeout_ms=5_000, topic_metadata_propagation_max_ms=200
    )
    with pytest.raises(KafkaException) as refused:
        clients.send(client, where, [b"lost"])
    assert refused.value.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART
    with wire.Wire(broker) as connection:
        error = connection.produce(where, wire.batch([b"lost"])).error_code
        assert error == wire.UNKNOWN_TOPIC_OR_PARTITION
    assert where not in admin.list_topics(timeout=10).topics


def test_an_unknown_partition_is_refused(broker, topic):
    with wire.Wire(broker) as connection:
        error = connection.produce(topic(2), wire.batch([b"lost"]), partition=2).error_code
        assert error == wire.UNKNOWN_TOPIC_OR_PARTITION


def test_a_topic_may_stamp_messages_itself(broker, topic):
    where = topic(message_timestamp_type="LogAppendTime")
    each.Confluent.write(broker, where, [Record(b"k", b"v", timestamp=5)])
    (_, record), = each.Confluent.read(broker, where, 1)
    assert record.timestamp > 1_700_000_000_000
