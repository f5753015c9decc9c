"""A worker that reads, processes and writes in transactions, and kills itself in one of them."""

import os
import signal
import sys

from confluent_kafka import KafkaException

from . import clients

IDLE_S = 1


def work(broker, source, sink, group, id, transactions):
    """Makes that many transactions of ten messages, then dies in the next; else ends with all."""
    # First, so that what a dead one left open is aborted.
    writer = clients.producer(broker, transactional_id=id)
    writer.init_transactions(20)
    # A static member, so that its successor need not wait for the end of its session.
    reader = clients.consumer(
        broker, group, isolation_level="read_committed", group_instance_id="worker"
    )
    reader.subscribe([source])
    done = 0
    while messages := reader.consume(10, timeout=12 if done == 0 else IDLE_S):
        for message in messages:
            if message.error() is not None:
                raise KafkaException(message.error())
        writer.begin_transaction()
        clients.send(writer, sink, [b"did " + value for value in clients.values(messages)])
        if done == transactions:
            os.kill(os.getpid(), signal.SIGKILL)
        offsets = reader.position(reader.assignment())
        writer.send_offsets_to_transaction(offsets, reader.consumer_group_metadata(), 20)
        writer.commit_transaction(20)
        done += 1
    reader.close()


if __name__ == "__main__":
    work(*sys.argv[1:6], int(sys.argv[6]))
