"""Short forms of what librdkafka's Python client needs many lines for."""

import time

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)

DEADLINE_S = 20


def producer(broker, **settings):
    """A producer; `linger_ms=5` is its setting `linger.ms`."""
    return Producer({"bootstrap.servers": broker, **dotted(settings)})


def consumer(broker, group="none", **settings):
    """A consumer that begins at the oldest message and commits only when told to."""
    # In the newer protocol of groups these are the broker's.
    classic = {"session.timeout.ms": 6_000, "heartbeat.interval.ms": 500}
    return Consumer(
        {
            "bootstrap.servers": broker,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            **(classic if settings.get("group_protocol") != "consumer" else {}),
            **dotted(settings),
        }
    )


def dotted(settings):
    return {name.replace("_", "."): value for name, value in settings.items()}


def send(client, topic, messages):
    """Produces keyword sets of `produce` or plain values; answers where they went, in order."""
    went = [None] * len(messages)

    def note(index):
        def delivered(error, message):
            if error is not None:
                went[index] = KafkaException(error)
            else:
                went[index] = (message.partition(), message.offset())

        return delivered

    for index, message in enumerate(messages):
        fields = message if isinstance(message, dict) else {"value": message}
        while True:
            try:
                client.produce(topic, on_delivery=note(index), **fields)
                break
            except BufferError:
                client.poll(0.1)
        client.poll(0)
    left = client.flush(DEADLINE_S)
    assert left == 0, f"{left} of {len(messages)} messages were never answered"
    for place in went:
        if isinstance(place, Exception):
            raise place
    return went


def take(client, count, seconds=DEADLINE_S):
    """The next messages, which must come in time."""
    taken = []
    deadline = time.monotonic() + seconds
    while len(taken) < count and time.monotonic() < deadline:
        for message in client.consume(count - len(taken), timeout=0.2):
            if message.error() is not None:
                raise KafkaException(message.error())
            taken.append(message)
    assert len(taken) == count, f"{len(taken)} of {count} messages came in {seconds} s"
    return taken


def drain(client, seconds=1.0):
    """All messages until there is none for a while."""
    taken = []
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        more = client.consume(500, timeout=0.1)
        for message in more:
            if message.error() is not None:
                raise KafkaException(message.error())
        taken.extend(more)
        if more:
            deadline = time.monotonic() + seconds
    return taken


def whole(broker, topic, **settings):
    """All that is visible in a topic now, each partition in order."""
    client = consumer(broker, enable_partition_eof=True, **settings)
    try:
        partitions = client.list_topics(topic, timeout=10).topics[topic].partitions
        client.assign([TopicPartition(topic, part, OFFSET_BEGINNING) for part in partitions])
        taken, ended = [], set()
        deadline = time.monotonic() + DEADLINE_S
        while len(ended) < len(partitions):
            assert time.monotonic() < deadline, f"{topic} has no end"
            for message in client.consume(1_000, timeout=0.1):
                if message.error() is None:
                    taken.append(message)
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    ended.add(message.partition())
                else:
                    raise KafkaException(message.error())
        return taken
    finally:
        client.close()


def values(messages):
    return [message.value() for message in messages]
