"""Idempotent and transactional producers: no duplicate, no half, nothing that was aborted."""

import asyncio
import pathlib
import subprocess
import sys
import time

import aiokafka
import kafka
import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition
from kafka.protocol.producer import InitProducerIdRequest

from support import clients, each, wire
from support.proxy import LosingProxy

pytestmark = pytest.mark.txn


def committed(broker, topic):
    """The values that a reader of committed messages gets."""
    return clients.values(clients.whole(broker, topic, isolation_level="read_committed"))


def everything(broker, topic):
    """The values that any reader gets."""
    return clients.values(clients.whole(broker, topic, isolation_level="read_uncommitted"))


def transactional(broker, id, **settings):
    client = clients.producer(broker, transactional_id=id, **settings)
    client.init_transactions(20)
    return client


@pytest.mark.parametrize("client", [each.Confluent, each.KafkaPython])
def test_lost_responses_make_no_duplicates(broker, topic, client):
    """Acceptance 16: the client sends again what had been stored."""
    where = topic(2)
    with LosingProxy(broker, seed=7) as proxy:
        sent = lossy(client, proxy.address, where)
        assert proxy.lost >= 5
    read = clients.whole(broker, where)
    assert sorted(clients.values(read)) == sorted(sent)
    for partition in range(2):
        own = [int(m.value()) for m in read if m.partition() == partition]
        assert own == sorted(own), f"partition {partition} is out of order"


def lossy(client, address, topic):
    """Produces in many small requests of an idempotent producer."""
    sent = [b"%05d" % number for number in range(1_500)]
    if client is each.Confluent:
        writer = clients.producer(
            address, enable_idempotence=True, batch_num_messages=20,
            retry_backoff_ms=10, reconnect_backoff_ms=10, reconnect_backoff_max_ms=50,
        )
        messages = [{"value": value, "partition": n % 2} for n, value in enumerate(sent)]
        clients.send(writer, topic, messages)
        return sent
    writer = kafka.KafkaProducer(
        bootstrap_servers=address, enable_idempotence=True, batch_size=200,
        retry_backoff_ms=10, reconnect_backoff_ms=10, reconnect_backoff_max_ms=50,
    )
    futures = [writer.send(topic, value, partition=n % 2) for n, value in enumerate(sent)]
    for future in futures:
        future.get(timeout=30)
    writer.close()
    return sent


def test_lost_responses_without_idempotence_do_make_duplicates(broker, topic):
    """That the test above could fail."""
    where = topic()
    with LosingProxy(broker, seed=7, most=5) as proxy:
        writer = clients.producer(
            proxy.address, batch_num_messages=20, retry_backoff_ms=10, reconnect_backoff_ms=10,
            reconnect_backoff_max_ms=50,
        )
        clients.send(writer, where, [b"%05d" % number for number in range(500)])
    read = clients.values(clients.whole(broker, where))
    assert len(set(read)) == 500
    assert len(read) > 500


@pytest.fixture
def identity(broker):
    """The id and epoch of a new idempotent producer."""
    with wire.Wire(broker) as connection:
        asked = InitProducerIdRequest[4](
            transactional_id=None, transaction_timeout_ms=60_000, producer_id=-1,
            producer_epoch=-1,
        )
        answer = connection.ask(asked)
    assert answer.error_code == wire.NONE
    return {"producer_id": answer.producer_id, "producer_epoch": answer.producer_epoch}


def test_a_batch_sent_twice_is_stored_once(broker, topic, identity):
    where = topic()
    first = wire.batch([b"a", b"b"], base_sequence=0, **identity)
    second = wire.batch([b"c"], base_sequence=2, **identity)
    with wire.Wire(broker) as connection:
        for batch, offset in [(first, 0), (second, 2), (first, 0), (second, 2)]:
            answer = connection.produce(where, batch)
            assert (answer.error_code, answer.base_offset) == (wire.NONE, offset)
    assert everything(broker, where) == [b"a", b"b", b"c"]


def test_a_gap_in_the_sequence_and_an_old_epoch_are_refused(broker, topic, identity):
    where = topic()

    def at(sequence, epoch=0):
        mine = {**identity, "producer_epoch": identity["producer_epoch"] + epoch}
        return wire.batch([b"%d" % sequence], base_sequence=sequence, **mine)

    with wire.Wire(broker) as connection:
        assert connection.produce(where, at(0)).error_code == wire.NONE
        error = connection.produce(where, at(5)).error_code
        assert error == wire.OUT_OF_ORDER_SEQUENCE_NUMBER
        assert connection.produce(where, at(1)).base_offset == 1
        # A new epoch begins again at 0, and ends the old one.
        assert connection.produce(where, at(0, epoch=1)).base_offset == 2
        assert connection.produce(where, at(2)).error_code == wire.INVALID_PRODUCER_EPOCH
    assert everything(broker, where) == [b"0", b"1", b"0"]


@pytest.mark.parametrize("client", each.LIBRARIES, ids=lambda kind: kind.__name__)
def test_committed_is_visible_and_aborted_is_not(broker, topic, name, client):
    topics = [topic(2), topic()]
    run_transactions(client, broker, name(), topics)
    for where in topics:
        assert committed(broker, where) == [b"kept", b"kept too"]
        assert everything(broker, where) == [b"kept", b"dropped", b"kept too"]


def run_transactions(client, broker, id, topics):
    """Three transactions on all topics; the second is aborted."""
    script = [(b"kept", True), (b"dropped", False), (b"kept too", True)]
    if client is each.Confluent:
        writer = transactional(broker, id)
        for value, keep in script:
            writer.begin_transaction()
            for where in topics:
                writer.produce(where, value, partition=0)
            writer.flush(20)
            (writer.commit_transaction if keep else writer.abort_transaction)(20)
        return
    if client is each.KafkaPython:
        writer = kafka.KafkaProducer(bootstrap_servers=broker, transactional_id=id)
        writer.init_transactions()
        for value, keep in script:
            writer.begin_transaction()
            for where in topics:
                writer.send(where, value, partition=0).get(timeout=20)
            (writer.commit_transaction if keep else writer.abort_transaction)()
        writer.close()
        return

    async def run():
        writer = aiokafka.AIOKafkaProducer(bootstrap_servers=broker, transactional_id=id)
        await writer.start()
        for value, keep in script:
            await writer.begin_transaction()
            for where in topics:
                await writer.send_and_wait(where, value, partition=0)
            await (writer.commit_transaction if keep else writer.abort_transaction)()
        await writer.stop()

    asyncio.run(run())


@pytest.mark.parametrize("client", each.LIBRARIES[1:], ids=lambda kind: kind.__name__)
def test_the_other_readers_skip_what_was_aborted(broker, topic, name, client):
    where = topic()
    run_transactions(each.Confluent, broker, name(), [where])
    if client is each.KafkaPython:
        reader = kafka.KafkaConsumer(
            where, bootstrap_servers=broker, auto_offset_reset="earliest",
            isolation_level="read_committed", consumer_timeout_ms=2_000,
        )
        read = [message.value for message in reader]
        reader.close()
    else:

        async def run():
            reader = aiokafka.AIOKafkaConsumer(
                where, bootstrap_servers=broker, auto_offset_reset="earliest",
                isolation_level="read_committed",
            )
            await reader.start()
            found = await reader.getmany(timeout_ms=2_000)
            found = [m.value for messages in found.values() for m in messages]
            while len(found) < 2:
                found.append((await asyncio.wait_for(reader.getone(), 10)).value)
            await reader.stop()
            return found

        read = asyncio.run(run())
    assert read == [b"kept", b"kept too"]


def test_an_open_transaction_holds_up_committed_readers_only(broker, topic, name):
    where = topic()
    writer = transactional(broker, name())
    writer.begin_transaction()
    clients.send(writer, where, [b"open"])
    # What another commits behind it has to wait for it.
    clients.send(clients.producer(broker), where, [b"plain"])
    assert committed(broker, where) == []
    assert everything(broker, where) == [b"open", b"plain"]
    writer.commit_transaction(20)
    assert committed(broker, where) == [b"open", b"plain"]


def test_a_second_producer_of_one_id_fences_the_first(broker, topic, name):
    where, id = topic(), name()
    older = transactional(broker, id)
    older.begin_transaction()
    clients.send(older, where, [b"zombie"])
    newer = transactional(broker, id)
    with pytest.raises(KafkaException) as fenced:
        older.commit_transaction(20)
    assert fenced.value.args[0].code() == KafkaError._FENCED
    newer.begin_transaction()
    clients.send(newer, where, [b"new"])
    newer.commit_transaction(20)
    assert committed(broker, where) == [b"new"]


def test_offsets_are_committed_with_the_transaction_or_not_at_all(broker, topic, name):
    source, sink, group = topic(), topic(), name()
    clients.send(clients.producer(broker), source, [b"%d" % n for n in range(10)])
    reader = clients.consumer(broker, group)
    reader.subscribe([source])
    clients.take(reader, 5)
    writer = transactional(broker, name())

    def step(value, offset, end):
        writer.begin_transaction()
        clients.send(writer, sink, [value])
        offsets = [TopicPartition(source, 0, offset)]
        writer.send_offsets_to_transaction(offsets, reader.consumer_group_metadata(), 20)
        end(20)

    def saved():
        return reader.committed([TopicPartition(source, 0)], timeout=10)[0].offset

    step(b"lost", 5, writer.abort_transaction)
    assert (saved(), committed(broker, sink)) == (-1001, [])
    step(b"done", 5, writer.commit_transaction)
    assert (saved(), committed(broker, sink)) == (5, [b"done"])
    reader.close()


def test_a_worker_killed_in_between_gives_each_input_one_output(broker, topic, name):
    """Acceptance 16: read, process, write; the worker dies after each few transactions."""
    source, sink, group, id = topic(), topic(), name(), name()
    inputs = [b"%04d" % number for number in range(200)]
    clients.send(clients.producer(broker), source, inputs)
    here = pathlib.Path(__file__).parent
    command = [sys.executable, "-m", "support.worker", broker, source, sink, group, id]
    deaths = 0
    deadline = time.monotonic() + 50
    # Longer each time, so that it comes to its end.
    for transactions in (3, 4, 60):
        with subprocess.Popen([*command, str(transactions)], cwd=here) as worker:
            code = worker.wait(deadline - time.monotonic())
        deaths += code == -9
        if code == 0:
            break
    assert (deaths, code) == (2, 0)
    outputs = committed(broker, sink)
    assert sorted(outputs) == [b"did " + value for value in inputs]
    # Dead workers had written more than what came of it.
    assert len(everything(broker, sink)) > len(outputs)


def test_a_transaction_left_open_is_aborted_in_time(broker, topic, name, until):
    where = topic()
    writer = transactional(broker, name(), transaction_timeout_ms=1_000, message_timeout_ms=900)
    writer.begin_transaction()
    clients.send(writer, where, [b"abandoned"])
    clients.send(clients.producer(broker), where, [b"plain"])
    assert committed(broker, where) == []
    assert until(lambda: committed(broker, where) == [b"plain"], 20)
    with pytest.raises(KafkaException):
        writer.commit_transaction(10)


def test_a_transaction_spans_requests_and_partitions(broker, topic, name):
    where = topic(6)
    writer = transactional(broker, name())
    for turn, end in enumerate([writer.commit_transaction, writer.abort_transaction] * 3):
        writer.begin_transaction()
        messages = [
            {"value": b"%d" % turn, "partition": n % 6, "key": b"%d" % n} for n in range(600)
        ]
        clients.send(writer, where, messages)
        end(20)
    read = clients.whole(broker, where, isolation_level="read_committed")
    assert sorted(message.value() for message in read) == sorted([b"0", b"2", b"4"] * 600)
    for partition in range(6):
        own = [m.value() for m in read if m.partition() == partition]
        assert own == sorted(own)
