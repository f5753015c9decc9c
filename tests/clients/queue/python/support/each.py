"""The same few verbs for each client, so that any can read what any has written."""

import asyncio
import json
import subprocess
import typing

import aiokafka
import kafka

from . import clients


class Record(typing.NamedTuple):
    """A message as all clients know it; headers are pairs of a name and bytes or None."""

    key: bytes | None = None
    value: bytes | None = None
    headers: tuple = ()
    timestamp: int = 1_700_000_000_000


class Confluent:
    """librdkafka by confluent-kafka, with the partitioner of the others."""

    @staticmethod
    def write(broker, topic, records, codec="none"):
        client = clients.producer(
            broker, compression_type=codec, partitioner="murmur2_random", linger_ms=20
        )
        fields = ({**record._asdict(), "headers": list(record.headers)} for record in records)
        clients.send(client, topic, list(fields))

    @staticmethod
    def read(broker, topic, count):
        client = clients.consumer(broker)
        try:
            parts = client.list_topics(topic, timeout=10).topics[topic].partitions
            places = [
                clients.TopicPartition(topic, part, clients.OFFSET_BEGINNING) for part in parts
            ]
            client.assign(places)
            return [
                (
                    message.partition(),
                    Record(
                        message.key(), message.value(),
                        tuple(message.headers() or ()), message.timestamp()[1],
                    ),
                )
                for message in clients.take(client, count)
            ]
        finally:
            client.close()


class KafkaPython:
    """kafka-python."""

    @staticmethod
    def write(broker, topic, records, codec="none"):
        client = kafka.KafkaProducer(
            bootstrap_servers=broker,
            compression_type=None if codec == "none" else codec,
            linger_ms=20,
        )
        try:
            sent = [
                client.send(
                    topic, key=record.key, value=record.value,
                    headers=list(record.headers), timestamp_ms=record.timestamp,
                )
                for record in records
            ]
            for future in sent:
                future.get(timeout=20)
        finally:
            client.close()

    @staticmethod
    def read(broker, topic, count):
        client = kafka.KafkaConsumer(
            topic, bootstrap_servers=broker, auto_offset_reset="earliest",
            consumer_timeout_ms=10_000,
        )
        try:
            read = []
            for message in client:
                record = Record(
                    message.key, message.value, tuple(message.headers), message.timestamp
                )
                read.append((message.partition, record))
                if len(read) == count:
                    break
            return read
        finally:
            client.close()


class Aiokafka:
    """aiokafka."""

    @staticmethod
    def write(broker, topic, records, codec="none"):
        async def run():
            client = aiokafka.AIOKafkaProducer(
                bootstrap_servers=broker,
                compression_type=None if codec == "none" else codec,
                linger_ms=20,
            )
            await client.start()
            try:
                sent = [
                    await client.send(
                        topic, key=record.key, value=record.value,
                        headers=list(record.headers), timestamp_ms=record.timestamp,
                    )
                    for record in records
                ]
                await asyncio.wait_for(asyncio.gather(*sent), 20)
            finally:
                await client.stop()

        asyncio.run(run())

    @staticmethod
    def read(broker, topic, count):
        async def run():
            client = aiokafka.AIOKafkaConsumer(
                topic, bootstrap_servers=broker, auto_offset_reset="earliest"
            )
            await client.start()
            read = []
            try:
                async with asyncio.timeout(20):
                    async for message in client:
                        record = Record(
                            message.key, message.value, message.headers, message.timestamp
                        )
                        read.append((message.partition, record))
                        if len(read) == count:
                            return read
            finally:
                await client.stop()

        return asyncio.run(run())


def kcat(broker, *arguments, given=b""):
    """What kcat prints."""
    command = ["kcat", "-b", broker, *arguments]
    ran = subprocess.run(command, input=given, capture_output=True, timeout=40, check=False)
    assert ran.returncode == 0, ran.stderr.decode()[-2_000:]
    return ran.stdout


class Kcat:
    """kcat of Debian, an older librdkafka; only for text without line feeds, and no headers."""

    @staticmethod
    def write(broker, topic, records, codec="none"):
        lines = b"".join(record.key + b"\t" + record.value + b"\n" for record in records)
        kcat(
            broker, "-P", "-t", topic, "-K", "\t", "-z", codec,
            "-X", "topic.partitioner=murmur2_random", given=lines,
        )

    @staticmethod
    def read(broker, topic, count):
        printed = kcat(broker, "-C", "-q", "-e", "-t", topic, "-o", "beginning", "-J")
        read = []
        for line in printed.splitlines():
            said = json.loads(line)
            record = Record(
                said["key"].encode(), said["payload"].encode(), timestamp=said["ts"]
            )
            read.append((said["partition"], record))
        assert len(read) == count
        return read


LIBRARIES = [Confluent, KafkaPython, Aiokafka]
ALL = [*LIBRARIES, Kcat]
