"""Topics, configurations, records and groups, as an operator changes them at run time."""

import asyncio

import aiokafka
import aiokafka.admin
import kafka
import kafka.admin
import kafka.errors
import pytest
from confluent_kafka import (
    ConsumerGroupState, ConsumerGroupTopicPartitions, KafkaError, KafkaException,
    TopicCollection, TopicPartition,
)
from confluent_kafka.admin import (
    AlterConfigOpType, ConfigEntry, ConfigResource, NewPartitions, NewTopic, OffsetSpec,
    ResourceType,
)

from support import clients, wire

pytestmark = pytest.mark.admin


def refused(future):
    """The code with which the broker refused."""
    with pytest.raises(KafkaException) as refusal:
        future.result(timeout=10)
    return refusal.value.args[0].code()


def configs(admin, topic):
    resource = ConfigResource(ResourceType.TOPIC, topic)
    return admin.describe_configs([resource])[resource].result(timeout=10)


def alter(admin, topic, *entries):
    """Changes settings one by one: pairs of an operation and a setting."""
    changes = [
        ConfigEntry(setting, value, incremental_operation=operation)
        for operation, setting, value in entries
    ]
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=changes)
    return admin.incremental_alter_configs([resource])[resource]


def test_topics_are_created_listed_described_and_deleted(broker, admin, name, until):
    """F20."""
    where = name()
    new = NewTopic(where, num_partitions=3, replication_factor=1, config={"retention.ms": "77000"})
    admin.create_topics([new])[where].result(timeout=10)
    assert until(lambda: where in admin.list_topics(timeout=10).topics)
    found = admin.describe_topics(TopicCollection([where]))[where].result(timeout=10)
    assert [part.id for part in found.partitions] == [0, 1, 2]
    assert not found.is_internal
    assert str(found.topic_id) != "AAAAAAAAAAAAAAAAAAAAAA"
    assert configs(admin, where)["retention.ms"].value == "77000"
    clients.send(clients.producer(broker), where, [b"old"])
    admin.delete_topics([where])[where].result(timeout=10)
    assert until(lambda: where not in admin.list_topics(timeout=10).topics)
    # Made again, it is another topic and empty.
    admin.create_topics([new])[where].result(timeout=10)
    assert until(lambda: where in admin.list_topics(timeout=10).topics)
    again = admin.describe_topics(TopicCollection([where]))[where].result(timeout=10)
    assert str(again.topic_id) != str(found.topic_id)
    assert clients.whole(broker, where) == []
    place = TopicPartition(where, 0)
    latest = admin.list_offsets({place: OffsetSpec.latest()})[place].result(timeout=10)
    assert latest.offset == 0


def test_defaults_of_a_topic(admin, name, until):
    where = name()
    admin.create_topics([NewTopic(where)])[where].result(timeout=10)
    assert until(lambda: where in admin.list_topics(timeout=10).topics)
    assert len(admin.list_topics(where, timeout=10).topics[where].partitions) >= 1


@pytest.mark.parametrize(
    "wrong", ["", ".", "..", "a b", "a/b", "a:b", "\u00fc", "a" * 250], ids=repr
)
def test_wrong_names_are_refused(broker, wrong):
    admin = kafka.KafkaAdminClient(bootstrap_servers=broker)
    with pytest.raises(kafka.errors.InvalidTopicError):
        admin.create_topics([kafka.admin.NewTopic(wrong, 1, 1)])
    admin.close()


def test_the_longest_name_is_taken(admin, name):
    where = name().ljust(249, "x")
    admin.create_topics([NewTopic(where, 1, 1)])[where].result(timeout=10)


def test_what_is_refused_when_topics_are_made(admin, name, topic):
    def code(new):
        return refused(admin.create_topics([new])[new.topic])

    assert code(NewTopic(topic(), 1, 1)) == KafkaError.TOPIC_ALREADY_EXISTS
    assert code(NewTopic(name(), 0, 1)) == KafkaError.INVALID_PARTITIONS
    assert code(NewTopic(name(), 1, 9)) == KafkaError.INVALID_REPLICATION_FACTOR
    wrong = NewTopic(name(), 1, 1, config={"retention.ms": "soon"})
    assert code(wrong) == KafkaError.INVALID_CONFIG
    assert code(NewTopic(name(), 1, 1, config={"no.such": "1"})) == KafkaError.INVALID_CONFIG
    # One that is refused does not spoil the others.
    good = name()
    made = admin.create_topics([NewTopic(good, 1, 1), wrong])
    made[good].result(timeout=10)
    assert refused(made[wrong.topic]) == KafkaError.INVALID_CONFIG


def test_a_rehearsed_creation_makes_nothing(admin, name):
    where = name()
    made = admin.create_topics([NewTopic(where, 1, 1)], validate_only=True)
    made[where].result(timeout=10)
    assert where not in admin.list_topics(timeout=10).topics


def test_what_is_not_there_cannot_be_deleted_or_described(admin, name):
    where = name()
    missing = KafkaError.UNKNOWN_TOPIC_OR_PART
    assert refused(admin.delete_topics([where])[where]) == missing
    assert refused(admin.describe_topics(TopicCollection([where]))[where]) == missing
    assert refused(admin.create_partitions([NewPartitions(where, 2)])[where]) == missing


def test_partitions_are_added_and_never_taken_away(broker, admin, topic, until):
    """F19."""
    where = topic(2)
    messages = [{"value": b"%d" % part, "partition": part} for part in (0, 1)]
    clients.send(clients.producer(broker), where, messages)

    def grow(count):
        return admin.create_partitions([NewPartitions(where, count)])[where]

    grow(4).result(timeout=10)
    assert until(lambda: len(admin.list_topics(where, timeout=10).topics[where].partitions) == 4)
    assert refused(grow(4)) == KafkaError.INVALID_PARTITIONS
    assert refused(grow(1)) == KafkaError.INVALID_PARTITIONS
    clients.send(clients.producer(broker), where, [{"value": b"3", "partition": 3}])
    assert sorted(clients.values(clients.whole(broker, where))) == [b"0", b"1", b"3"]


def test_deleted_records_move_the_start(broker, admin, topic):
    """Below the start a fetch is refused, and offsets go on."""
    where = topic()
    with wire.Wire(broker) as connection:
        for number in range(10):
            connection.produce(where, wire.batch([b"%d" % number]))
    gone = admin.delete_records([TopicPartition(where, 0, 4)])
    assert [future.result(timeout=10).low_watermark for future in gone.values()] == [4]
    with wire.Wire(broker) as connection:
        assert connection.fetch(where, 3).error_code == wire.OFFSET_OUT_OF_RANGE
        part = connection.fetch(where, 4)
        assert (part.error_code, part.log_start_offset) == (wire.NONE, 4)
    assert clients.values(clients.whole(broker, where)) == [b"%d" % n for n in range(4, 10)]
    # To the end, and no further than that.
    admin.delete_records([TopicPartition(where, 0, -1)])
    (future,) = admin.delete_records([TopicPartition(where, 0, 11)]).values()
    assert refused(future) == KafkaError.OFFSET_OUT_OF_RANGE
    assert clients.send(clients.producer(broker), where, [b"next"]) == [(0, 10)]
    place = TopicPartition(where, 0)
    earliest = admin.list_offsets({place: OffsetSpec.earliest()})[place].result(timeout=10)
    assert earliest.offset == 10


def test_configurations_are_described_and_altered(admin, topic, until):
    where = topic()
    before = configs(admin, where)
    for setting in (
        "cleanup.policy", "compression.type", "max.message.bytes", "retention.bytes",
        "retention.ms", "segment.bytes", "segment.ms",
    ):
        assert setting in before
        assert before[setting].is_default
    assert before["min.insync.replicas"].value == "1"
    assert (before["cleanup.policy"].value, before["retention.bytes"].value) == ("delete", "-1")
    alter(
        admin, where,
        (AlterConfigOpType.SET, "retention.ms", "60000"),
        (AlterConfigOpType.SET, "retention.bytes", "1000000"),
    ).result(timeout=10)
    assert until(lambda: configs(admin, where)["retention.ms"].value == "60000")
    assert not configs(admin, where)["retention.ms"].is_default
    alter(admin, where, (AlterConfigOpType.DELETE, "retention.ms", None)).result(timeout=10)
    back = before["retention.ms"].value
    assert until(lambda: configs(admin, where)["retention.ms"].value == back)
    assert configs(admin, where)["retention.bytes"].value == "1000000"
    append = (AlterConfigOpType.APPEND, "cleanup.policy", "compact")
    alter(admin, where, append).result(timeout=10)
    assert until(lambda: configs(admin, where)["cleanup.policy"].value == "delete,compact")


def test_wrong_configurations_change_nothing(admin, topic, name):
    where = topic()
    wrong = alter(
        admin, where,
        (AlterConfigOpType.SET, "retention.bytes", "5"),
        (AlterConfigOpType.SET, "retention.ms", "soon"),
    )
    assert refused(wrong) == KafkaError.INVALID_CONFIG
    assert configs(admin, where)["retention.bytes"].value == "-1"
    unknown = alter(admin, where, (AlterConfigOpType.SET, "no.such", "1"))
    assert refused(unknown) == KafkaError.INVALID_CONFIG
    missing = alter(admin, name(), (AlterConfigOpType.SET, "retention.ms", "1000"))
    assert refused(missing) == KafkaError.UNKNOWN_TOPIC_OR_PART
    resource = ConfigResource(ResourceType.TOPIC, name())
    code = refused(admin.describe_configs([resource])[resource])
    assert code == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_the_broker_describes_itself(admin):
    node = admin.describe_cluster().result(timeout=10).controller.id
    resource = ConfigResource(ResourceType.BROKER, str(node))
    found = admin.describe_configs([resource])[resource].result(timeout=10)
    assert found["auto.create.topics.enable"].value == "false"
    assert "log.retention.ms" in found or "log.retention.hours" in found


@pytest.fixture
def group(broker, topic, name):
    """A group without members that has committed 5 of 10 messages, and its topic."""
    where, called = topic(), name()
    clients.send(clients.producer(broker), where, [b"%d" % n for n in range(10)])
    member = clients.consumer(broker, called)
    member.subscribe([where])
    member.commit(message=clients.take(member, 5)[-1], asynchronous=False)
    member.close()
    return called, where


def saved(admin, group):
    asked = ConsumerGroupTopicPartitions(group)
    found = admin.list_consumer_group_offsets([asked])[group].result(timeout=10)
    return {
        (place.topic, place.partition): place.offset
        for place in found.topic_partitions if place.offset >= 0
    }


def test_groups_are_listed_and_deleted(admin, group, name):
    called, where = group
    listed = {found.group_id: found for found in admin.list_consumer_groups().result(10).valid}
    assert listed[called].state == ConsumerGroupState.EMPTY
    stable = admin.list_consumer_groups(states={ConsumerGroupState.STABLE}).result(timeout=10)
    assert called not in {found.group_id for found in stable.valid}
    assert saved(admin, called) == {(where, 0): 5}
    admin.delete_consumer_groups([called])[called].result(timeout=10)
    assert called not in {f.group_id for f in admin.list_consumer_groups().result(10).valid}
    assert saved(admin, called) == {}
    again = admin.delete_consumer_groups([called])[called]
    assert refused(again) == KafkaError.GROUP_ID_NOT_FOUND


def test_a_group_with_members_is_not_deleted_or_reset(broker, admin, group):
    called, where = group
    member = clients.consumer(broker, called)
    member.subscribe([where])
    clients.take(member, 1)
    assert refused(admin.delete_consumer_groups([called])[called]) == KafkaError.NON_EMPTY_GROUP
    wanted = ConsumerGroupTopicPartitions(called, [TopicPartition(where, 0, 0)])
    altered = admin.alter_consumer_group_offsets([wanted])[called].result(timeout=10)
    assert altered.topic_partitions[0].error.code() == KafkaError.UNKNOWN_MEMBER_ID
    assert saved(admin, called) == {(where, 0): 5}
    member.close()


def test_offsets_of_a_group_are_reset(broker, admin, group):
    """F9."""
    called, where = group
    wanted = ConsumerGroupTopicPartitions(called, [TopicPartition(where, 0, 2)])
    admin.alter_consumer_group_offsets([wanted])[called].result(timeout=10)
    assert saved(admin, called) == {(where, 0): 2}
    member = clients.consumer(broker, called)
    member.subscribe([where])
    assert clients.take(member, 1)[0].value() == b"2"
    member.close()
    python = kafka.KafkaAdminClient(bootstrap_servers=broker)
    place = kafka.TopicPartition(where, 0)
    python.reset_group_offsets(called, {place: kafka.OffsetSpec.EARLIEST})
    assert saved(admin, called) == {(where, 0): 0}
    python.reset_group_offsets(called, {place: kafka.OffsetSpec.LATEST})
    assert saved(admin, called) == {(where, 0): 10}
    python.close()


def test_offsets_of_a_group_are_deleted(broker, admin, group, topic):
    called, where = group
    other = topic()
    places = [TopicPartition(other, 0, 1)]
    wanted = ConsumerGroupTopicPartitions(called, places)
    admin.alter_consumer_group_offsets([wanted])[called].result(timeout=10)
    python = kafka.KafkaAdminClient(bootstrap_servers=broker)
    python.delete_group_offsets(called, [kafka.TopicPartition(where, 0)])
    assert saved(admin, called) == {(other, 0): 1}
    python.close()


def test_a_deleted_topic_takes_its_offsets_along(admin, group, until):
    called, where = group
    admin.delete_topics([where])[where].result(timeout=10)
    assert until(lambda: saved(admin, called) == {})


def test_a_group_that_is_not_there_is_described_as_dead(broker, name):
    python = kafka.KafkaAdminClient(bootstrap_servers=broker)
    called = name()
    said = python.describe_groups([called])[called]
    python.close()
    assert said["group_state"] == "Dead"
    assert said["members"] == []


def test_the_admin_clients_of_the_others(broker, name, until):
    where, second = name(), name()
    python = kafka.KafkaAdminClient(bootstrap_servers=broker)
    python.create_topics([kafka.admin.NewTopic(where, 2, 1)], wait_for_metadata=True)
    assert where in python.list_topics()

    async def run():
        admin = aiokafka.admin.AIOKafkaAdminClient(bootstrap_servers=broker)
        await admin.start()
        try:
            await admin.create_topics([aiokafka.admin.NewTopic(second, 1, 1)])
            parts = {where: aiokafka.admin.NewPartitions(3)}
            await admin.create_partitions(parts)
            await asyncio.sleep(0.2)
            (said,) = await admin.describe_topics([where])
            assert len(said["partitions"]) == 3
            await admin.delete_topics([second])
        finally:
            await admin.close()

    asyncio.run(run())
    assert until(lambda: second not in python.list_topics())
    python.delete_topics([where])
    assert until(lambda: where not in python.list_topics())
    python.close()


def test_writes_and_reads_of_a_deleted_topic_are_refused(broker, admin, topic, until):
    where = topic()
    writer = clients.producer(broker, message_timeout_ms=4_000)
    clients.send(writer, where, [b"before"])
    admin.delete_topics([where])[where].result(timeout=10)
    gone = wire.UNKNOWN_TOPIC_OR_PARTITION
    with wire.Wire(broker) as connection:
        assert until(lambda: connection.fetch(where, 0).error_code == gone)
        assert connection.produce(where, wire.batch([b"after"])).error_code == gone
    # Which of its errors it is depends on what the client learns first.
    with pytest.raises(KafkaException):
        clients.send(writer, where, [b"after"])
