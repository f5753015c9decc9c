"""Requests made by hand, for what the clients keep from their users: exact errors, exact bytes.

The bodies are encoded and decoded by kafka-python, which nobody here wrote."""

import socket
import struct

from kafka.protocol.consumer import FetchRequest
from kafka.protocol.metadata import ApiVersionsRequest
from kafka.protocol.parser import KafkaProtocol
from kafka.protocol.producer import ProduceRequest
from kafka.record.memory_records import MemoryRecordsBuilder

NONE = 0
OFFSET_OUT_OF_RANGE = 1
CORRUPT_MESSAGE = 2
UNKNOWN_TOPIC_OR_PARTITION = 3
MESSAGE_TOO_LARGE = 10
ILLEGAL_GENERATION = 22
INCONSISTENT_GROUP_PROTOCOL = 23
INVALID_GROUP_ID = 24
UNKNOWN_MEMBER_ID = 25
INVALID_SESSION_TIMEOUT = 26
REBALANCE_IN_PROGRESS = 27
UNSUPPORTED_VERSION = 35
OUT_OF_ORDER_SEQUENCE_NUMBER = 45
INVALID_PRODUCER_EPOCH = 47
UNKNOWN_LEADER_EPOCH = 75
MEMBER_ID_REQUIRED = 79

# Keys of requests that not every broker offers.
CONSUMER_GROUP_HEARTBEAT = 68
SHARE_FETCH = 78

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}

# Of a record batch: base offset, length and leader epoch are the broker's, the rest is not.
LENGTH = slice(8, 12)
EPOCH = slice(12, 16)
CRC = slice(17, 21)


class Wire:
    """One connection to the broker."""

    def __init__(self, broker, timeout_s=20):
        host, port = broker.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)), timeout=timeout_s)
        self.protocol = KafkaProtocol(client_id="wire")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, request):
        """Writes a request and answers its correlation id."""
        correlation = self.protocol.send_request(request)
        self.socket.sendall(self.protocol.send_bytes())
        return correlation

    def receive(self):
        """The next response and its correlation id."""
        answers = []
        while not answers:
            data = self.socket.recv(65_536)
            if not data:
                raise ConnectionError("the broker closed the connection")
            answers = self.protocol.receive_bytes(data)
        assert len(answers) == 1
        return answers[0]

    def ask(self, request):
        """The response to a request."""
        sent = self.send(request)
        correlation, answer = self.receive()
        assert correlation == sent
        return answer

    def produce(self, topic, batch, partition=0, acks=-1):
        """What the broker says of one batch of one partition."""
        answer = self.ask(produce_request(topic, batch, partition, acks))
        return answer.responses[0].partition_responses[0]

    def fetch(self, topic, offset, wait_ms=500, **limits):
        """What the broker has of partition 0 from an offset on."""
        answer = self.ask(fetch_request(topic, offset, wait_ms, **limits))
        return answer.responses[0].partitions[0]

    def raw(self, key, version, body=b""):
        """The body of the answer to a request with the first form of header."""
        header = struct.pack(">hhih", key, version, 77, -1)
        self.socket.sendall(struct.pack(">i", len(header) + len(body)) + header + body)
        size = struct.unpack(">i", self.exactly(4))[0]
        answer = self.exactly(size)
        assert answer[:4] == struct.pack(">i", 77)
        return answer[4:]

    def exactly(self, count):
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            if not more:
                raise ConnectionError("the broker closed the connection")
            data += more
        return data


def versions(broker):
    """The requests that a broker offers, by their keys."""
    asked = ApiVersionsRequest[3](client_software_name="wire", client_software_version="1")
    with Wire(broker) as connection:
        answer = connection.ask(asked)
    assert answer.error_code == NONE
    return {api.api_key: api for api in answer.api_keys}


def offers(broker, key):
    """Whether a broker offers a request at all."""
    return key in versions(broker)


def produce_request(topic, batch, partition=0, acks=-1):
    """Version 9, the last that names topics and needs no newer client."""
    data = ProduceRequest.TopicProduceData
    return ProduceRequest[9](
        transactional_id=None,
        acks=acks,
        timeout_ms=10_000,
        topic_data=[
            data(
                name=topic,
                partition_data=[data.PartitionProduceData(index=partition, records=batch)],
            )
        ],
    )


def fetch_request(topic, offset, wait_ms=500, **limits):
    """Version 11, the last that both names topics and needs no session."""
    return FetchRequest[11](
        replica_id=-1,
        max_wait_ms=wait_ms,
        min_bytes=limits.get("min_bytes", 1),
        max_bytes=limits.get("max_bytes", 50 << 20),
        isolation_level=0,
        session_id=0,
        session_epoch=-1,
        topics=[
            FetchRequest.FetchTopic(
                topic=topic,
                partitions=[
                    FetchRequest.FetchTopic.FetchPartition(
                        partition=0,
                        current_leader_epoch=-1,
                        fetch_offset=offset,
                        log_start_offset=-1,
                        partition_max_bytes=limits.get("partition_max_bytes", 1 << 20),
                    )
                ],
            )
        ],
        forgotten_topics_data=[],
        rack_id="",
    )


def batch(values, codec="none", first_ms=1_700_000_000_000, **producer):
    """A record batch of values, a millisecond apart, as kafka-python encodes it."""
    builder = MemoryRecordsBuilder(2, CODECS[codec], 1 << 20, **producer)
    for number, value in enumerate(values):
        headers = [("n", b"%d" % number)]
        builder.append(first_ms + number, key=b"k", value=value, headers=headers)
    builder.close()
    return bytes(builder.buffer())


def batches(data):
    """The record batches of a fetched byte range; a cut one at its end is left out."""
    found = []
    while len(data) >= 12:
        size = 12 + struct.unpack(">i", data[LENGTH])[0]
        if size > len(data):
            break
        found.append(bytes(data[:size]))
        data = data[size:]
    return found
