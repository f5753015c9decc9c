"""Consumers of a group that run beside each other, and what the coordinator says of the group."""

import threading
import time

from confluent_kafka import ConsumerGroupState, KafkaError, KafkaException

from . import clients

LOADING = (
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
)


class Member:
    """A consumer polled by a thread of its own, that keeps what it was given."""

    def __init__(self, broker, group, topics, **settings):
        self.client = clients.consumer(broker, group, **settings)
        self.client.subscribe(
            topics, on_assign=self.assigned, on_revoke=self.revoked, on_lost=self.revoked
        )
        self.cooperative = "cooperative" in settings.get("partition_assignment_strategy", "")
        self.owned = set()
        self.ever_revoked = set()
        self.assignments = 0
        self.messages = []
        self.errors = []
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.poll, daemon=True)
        self.thread.start()

    def assigned(self, _, places):
        self.assignments += 1
        self.owned |= {(place.topic, place.partition) for place in places}

    def revoked(self, _, places):
        gone = {(place.topic, place.partition) for place in places}
        self.ever_revoked |= gone
        self.owned -= gone

    def poll(self):
        while not self.ending.is_set():
            message = self.client.poll(0.05)
            if message is None:
                continue
            if message.error() is None:
                self.messages.append(message)
            elif message.error().code() != KafkaError._PARTITION_EOF:
                self.errors.append(message.error())

    def partitions(self):
        return sorted(partition for _, partition in self.owned)

    def stop(self, commit=False):
        """Leaves the group, having committed all that it got if wanted."""
        if not self.ending.is_set():
            self.ending.set()
            self.thread.join()
            if commit:
                self.client.commit(asynchronous=False)
            self.client.close()


def described(admin, group):
    """What the coordinator says of a group, once it has read its state."""
    deadline = time.monotonic() + clients.DEADLINE_S
    while True:
        try:
            return admin.describe_consumer_groups([group])[group].result(timeout=10)
        except KafkaException as error:
            # Of a broker that has just started, or makes the topic of offsets just now.
            if error.args[0].code() not in LOADING or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def spread(members, count):
    """Whether each of `count` partitions is owned once, and by these members only."""
    owned = [place for member in members for place in member.owned]
    return len(owned) == count and len(set(owned)) == count


def settled(admin, group, members, count):
    """Whether the group is stable, and coordinator and members agree on who owns what."""
    said = described(admin, group)
    if said.state != ConsumerGroupState.STABLE or len(said.members) != len(members):
        return False
    places = [
        (place.topic, place.partition)
        for member in said.members
        for place in member.assignment.topic_partitions
    ]
    return len(places) == count == len(set(places)) and spread(members, count)
