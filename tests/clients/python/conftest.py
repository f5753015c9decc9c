"""Starts the real server the way a user does and waits for its ready file."""

import json
import os
import signal
import subprocess
import time

import pytest

START_TIMEOUT_S = 20


@pytest.fixture(scope="session")
def house(tmp_path_factory):
    """What the ready file of a running `backplane dev` says. The token is `dev`."""
    folder = tmp_path_factory.mktemp("backplane")
    ready = folder / "ready.json"
    with open(folder / "stderr", "w+") as complaints:
        child = subprocess.Popen(
            [
                os.environ["BACKPLANE_BIN"], "dev", "--ports", "auto",
                "--set", "shortener.listen=127.0.0.1:0", "--ready-file", str(ready),
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
            yield json.loads(ready.read_text())
        finally:
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
            child.wait(START_TIMEOUT_S)


@pytest.fixture(scope="session")
def systems(house):
    """The addresses of all systems."""
    return house["systems"]


@pytest.fixture(scope="session")
def shortener(systems):
    """The address of the shortener's own listener."""
    return systems["shortener"]["http"]


@pytest.fixture
def until():
    """Waits for what becomes true a moment later, as clicks do."""

    def wait(check, seconds=5):
        deadline = time.monotonic() + seconds
        while not check() and time.monotonic() < deadline:
            time.sleep(0.05)
        return check()

    return wait
