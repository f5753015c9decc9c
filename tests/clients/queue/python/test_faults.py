"""The broker is killed while it is written to: nothing acknowledged is lost or stored twice."""

import json
import os
import random
import signal
import socket
import subprocess
import time

import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif("BACKPLANE_KAFKA" in os.environ, reason="another's broker is not killed"),
]

START_TIMEOUT_S = 20
KILLS = 50 if "BACKPLANE_TEST_LONG" in os.environ else 6
PARTITIONS = 3


class Killed:
    """A broker at one address and on one folder, which is killed and started again."""

    def __init__(self, folder):
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.start()

    def start(self):
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        self.child = subprocess.Popen(
            [
                os.environ["BACKPLANE_BIN"], "dev", "--only", "queue", "--ports", "auto",
                "--set", f"queue.kafka_listen={self.address}",
                "--ready-file", str(ready), "--data", str(self.folder / "data"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not ready.exists():
            assert self.child.poll() is None and time.monotonic() < deadline, "it did not start"
            time.sleep(0.01)
        assert json.loads(ready.read_text())["systems"]["queue"]["kafka"] == self.address

    def kill(self):
        self.child.send_signal(signal.SIGKILL)
        self.child.wait(START_TIMEOUT_S)


@pytest.fixture
def killed(tmp_path):
    broker = Killed(tmp_path)
    yield broker
    broker.kill()


def read_all(address, topic):
    """Values by partition, in the order of their offsets, which have no gaps."""
    consumer = Consumer({
        "bootstrap.servers": address, "group.id": "check", "enable.auto.commit": False,
    })
    found = {}
    for partition in range(PARTITIONS):
        _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING)])
        values = []
        while len(values) < end:
            message = consumer.poll(10)
            assert message is not None and message.error() is None, message
            assert message.offset() == len(values)
            values.append(int(message.value().split()[0]))
        found[partition] = values
    consumer.close()
    return found


@pytest.mark.timeout(600)
def test_nothing_acknowledged_is_lost_and_nothing_is_stored_twice(killed):
    topic = "killed"
    admin = AdminClient({"bootstrap.servers": killed.address})
    # Small segments, so that they are made and ended all the time.
    config = {"segment.bytes": "262144"}
    new = NewTopic(topic, num_partitions=PARTITIONS, replication_factor=1, config=config)
    admin.create_topics([new])[topic].result(timeout=10)
    producer = Producer({
        "bootstrap.servers": killed.address,
        "enable.idempotence": True,
        "linger.ms": 1,
        "message.timeout.ms": 120_000,
        "reconnect.backoff.max.ms": 100,
    })
    acknowledged, failed = [], []

    def told(error, message):
        (failed if error else acknowledged).append(int(message.value().split()[0]))

    chance, sent = random.Random(), 0
    for _ in range(KILLS):
        until = time.monotonic() + chance.uniform(0.05, 0.6)
        while time.monotonic() < until:
            # The client's own queue has 100,000 places.
            for _ in range(50 if len(producer) < 50_000 else 0):
                value = b"%d %s" % (sent, b"x" * 500)
                producer.produce(topic, value, partition=sent % PARTITIONS, on_delivery=told)
                sent += 1
            producer.poll(0.001)
        killed.kill()
        killed.start()
    assert producer.flush(100) == 0
    assert not failed
    found = read_all(killed.address, topic)
    for partition, values in found.items():
        # In the order in which they were sent, each once: neither lost nor twice.
        assert values == list(range(partition, sent, PARTITIONS)), f"partition {partition}"
    assert sorted(acknowledged) == list(range(sent))
