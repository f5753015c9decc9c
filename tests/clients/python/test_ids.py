"""Redis clients make ids; decoders that nobody here wrote read them."""

import time
import uuid

import pytest
import redis
import requests
from snowflake import Snowflake
from ulid import ULID

EPOCH_MS = 1288834974657
AUTHORISATION = {"Authorization": "Bearer dev"}


@pytest.fixture
def client(systems):
    host, port = systems["ids"]["resp"].split(":")
    with redis.Redis(host=host, port=int(port), decode_responses=True) as client:
        yield client


def get(systems, path):
    answer = requests.get(systems["ids"]["http"] + path, headers=AUTHORISATION, timeout=10)
    answer.raise_for_status()
    return answer.json()


def test_incr_gives_ids_that_rise_and_say_when_they_were_made(client):
    before = time.time_ns() // 1_000_000
    ids = [client.incr("orders") for _ in range(1_000)]
    after = time.time_ns() // 1_000_000
    assert ids == sorted(set(ids))
    for id in (ids[0], ids[-1]):
        read = Snowflake.parse(id, EPOCH_MS)
        assert before <= read.milliseconds <= after


def test_a_pipeline_gives_as_many(client):
    with client.pipeline(transaction=False) as pipeline:
        for _ in range(5_000):
            pipeline.incr("orders")
        ids = pipeline.execute()
    assert ids == sorted(set(ids))
    assert len(ids) == 5_000


def test_incrby_reserves_a_block_that_follows_on(client):
    first, last = client.incr("orders"), client.incrby("orders", 1_000)
    assert client.incr("orders") > last
    assert last - 999 > first


def test_a_ticket_counts_from_one(client):
    assert [client.incr("ticket:invoice") for _ in range(3)] == [1, 2, 3]
    assert client.incrby("ticket:invoice", 10) == 13


@pytest.mark.parametrize("protocol", [2, 3])
def test_both_versions_of_the_protocol_and_a_credential(systems, protocol):
    host, port = systems["ids"]["resp"].split(":")
    own = {"username": "default", "password": f"dev-version-{protocol}"}
    with redis.Redis(host=host, port=int(port), protocol=protocol, **own) as client:
        assert client.ping()
        assert client.incr("ticket:invoice") == 1, "a namespace of its own"
        fields = client.execute_command("ID.DECODE", client.incr("a"))
        if protocol == 2:
            fields = dict(zip(fields[::2], fields[1::2]))
        assert fields[b"datacenter"] == 0
    with redis.Redis(host=host, port=int(port), password="wrong", protocol=protocol) as client:
        with pytest.raises(redis.exceptions.AuthenticationError):
            client.ping()


def test_errors_are_errors_of_the_protocol(client):
    with pytest.raises(redis.exceptions.ResponseError, match="wrong number of arguments"):
        client.execute_command("INCR")
    with pytest.raises(redis.exceptions.ResponseError, match="unknown command"):
        client.get("a")
    with pytest.raises(redis.exceptions.ResponseError, match="from 1 up"):
        client.incrby("a", -1)


def test_uuids_and_ulids_are_what_their_libraries_take_them_for(systems, client):
    for version in (4, 7):
        for text in get(systems, f"/uuids?version={version}&count=50")["ids"]:
            assert uuid.UUID(text).version == version
    rising = get(systems, "/uuids?count=1000")["ids"]
    assert rising == sorted(set(rising))
    now = time.time()
    read = ULID.from_str(client.execute_command("ID.ULID"))
    assert abs(read.timestamp - now) < 60


def test_bounds_hold_the_ids_of_their_moment(systems, client):
    id = client.incr("orders")
    made_ms = Snowflake.parse(id, EPOCH_MS).milliseconds
    bounds = get(systems, f"/bounds?at={made_ms}")
    assert int(bounds["min"]) <= id <= int(bounds["max"])
    before = get(systems, f"/bounds?at={made_ms - 1}")
    assert int(before["max"]) < int(bounds["min"])
