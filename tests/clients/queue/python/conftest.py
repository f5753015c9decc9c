"""The broker that is asked: the one that BACKPLANE_KAFKA names, else one that is started here."""

import json
import os
import signal
import subprocess
import time
import uuid

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

START_TIMEOUT_S = 20


@pytest.fixture(scope="session")
def broker(tmp_path_factory):
    """The address of the broker, as host:port."""
    given = os.environ.get("BACKPLANE_KAFKA")
    if given:
        yield given
        return
    folder = tmp_path_factory.mktemp("backplane")
    ready = folder / "ready.json"
    with open(folder / "stderr", "w+") as complaints:
        child = subprocess.Popen(
            [
                os.environ["BACKPLANE_BIN"], "dev", "--only", "queue", "--ports", "auto",
                "--ready-file", str(ready), "--data", str(folder / "data"),
            ],
            stdout=subprocess.DEVNULL,
            stderr=complaints,
        )
        try:
            deadline = time.monotonic() + START_TIMEOUT_S
            while not ready.exists():
                if child.poll() is not None or time.monotonic() > deadline:
                    complaints.seek(0)
                    pytest.fail(f"backplane dev did not become ready: {complaints.read()}")
                time.sleep(0.02)
            yield json.loads(ready.read_text())["systems"]["queue"]["kafka"]
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
            child.wait(START_TIMEOUT_S)


@pytest.fixture(scope="session")
def admin(broker):
    """librdkafka's admin client."""
    return AdminClient({"bootstrap.servers": broker})


@pytest.fixture
def name():
    """Makes names that nobody has used."""
    return lambda: f"t.{uuid.uuid4().hex[:12]}"


@pytest.fixture
def topic(admin, name, until):
    """Makes topics: how many partitions, a name if it matters, and which settings besides."""

    def make(partitions=1, called=None, **config):
        made = called or name()
        settings = {key.replace("_", "."): str(value) for key, value in config.items()}
        new = NewTopic(made, num_partitions=partitions, replication_factor=1, config=settings)
        admin.create_topics([new])[made].result(timeout=10)

        def led():
            found = admin.list_topics(made, timeout=10).topics[made]
            parts = found.partitions.values()
            return len(parts) == partitions and all(part.leader >= 0 for part in parts)

        assert until(led), f"{made} has no leaders"
        return made

    return make


@pytest.fixture
def until():
    """Waits for what becomes true a moment later."""

    def wait(check, seconds=10):
        deadline = time.monotonic() + seconds
        while not check() and time.monotonic() < deadline:
            time.sleep(0.05)
        return check()

    return wait
