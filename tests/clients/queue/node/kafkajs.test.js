/** The queue by kafkajs, which shares no code with the clients of the other suites. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import kafkajs from 'kafkajs';

import { name, startBroker, until } from './support/broker.js';

const {
  AssignerProtocol, CompressionTypes, ConfigResourceTypes, Kafka, KafkaJSProtocolError,
  logLevel, Partitioners,
} = kafkajs;

// A member leaves only when its fetch is answered, so fetches wait for less than by default.
const quick = { sessionTimeout: 6_000, heartbeatInterval: 200, maxWaitTimeInMs: 200 };
let broker;
let kafka;
let admin;
let producer;

before(async () => {
  broker = await startBroker();
  kafka = new Kafka({
    brokers: [broker.address],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, retries: 8 },
  });
  admin = kafka.admin();
  await admin.connect();
  producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
});

after(async () => {
  await producer?.disconnect();
  await admin?.disconnect();
  await broker?.stop();
});

/** A new topic whose partitions have leaders. */
async function makeTopic(numPartitions = 1) {
  const topic = name();
  const topics = [{ topic, numPartitions, replicationFactor: 1 }];
  assert.ok(await admin.createTopics({ topics, waitForLeaders: true }));
  return topic;
}

/** A member of a group that keeps what it is given; `stop` makes it leave. */
async function join(groupId, topics, options = {}) {
  const { readUncommitted = false, ...more } = options;
  const consumer = kafka.consumer({ groupId, ...quick, readUncommitted, ...more });
  const member = { consumer, messages: [], owned: [], stop: () => consumer.disconnect() };
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    member.owned = Object.entries(payload.memberAssignment).flatMap(([topic, partitions]) =>
      partitions.map((partition) => `${topic}/${partition}`));
  });
  await consumer.connect();
  await consumer.subscribe({ topics, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ topic, partition, message }) => {
      member.messages.push({ topic, partition, ...message });
    },
  });
  return member;
}

const texts = (messages) => messages.map(({ value }) => value.toString());

test('keyed messages keep their order and their partition', async () => {
  const topic = await makeTopic(6);
  const count = 3_000;
  const messages = Array.from({ length: count }, (_, number) => ({
    key: `key-${number % 97}`,
    value: String(number).padEnd(1_024, '.'),
  }));
  for (let at = 0; at < count; at += 500) {
    await producer.send({ topic, messages: messages.slice(at, at + 500) });
  }
  const member = await join(name(), [topic]);
  assert.ok(await until(() => member.messages.length >= count));
  await member.stop();
  assert.equal(member.messages.length, count);
  const last = new Map();
  const places = new Map();
  for (const { key, value, partition } of member.messages) {
    const number = Number.parseInt(value.toString(), 10);
    assert.equal(key.toString(), `key-${number % 97}`);
    assert.ok(number > (last.get(partition) ?? -1), `partition ${partition} is out of order`);
    last.set(partition, number);
    assert.equal(places.get(key.toString()) ?? partition, partition);
    places.set(key.toString(), partition);
  }
  assert.equal(last.size, 6);
});

test('headers, tombstones and times come back byte for byte', async () => {
  const topic = await makeTopic();
  const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
  const sent = [
    { key: every, value: every, headers: { every, text: Buffer.from('ü') } },
    { key: Buffer.from('tombstone'), value: null, headers: {} },
    { key: null, value: Buffer.alloc(0), headers: {} },
    { key: Buffer.alloc(0), value: Buffer.from('v'), headers: { empty: Buffer.alloc(0) } },
  ].map((message, number) => ({ ...message, timestamp: String(1_700_000_000_000 + number) }));
  for (const compression of [CompressionTypes.None, CompressionTypes.GZIP]) {
    await producer.send({ topic, compression, messages: sent });
  }
  const member = await join(name(), [topic]);
  assert.ok(await until(() => member.messages.length >= 8));
  await member.stop();
  const read = member.messages.map(({ key, value, headers, timestamp }) =>
    ({ key, value, headers, timestamp }));
  assert.deepEqual(read, [...sent, ...sent]);
});

test('each ack level stores, and an unknown topic is refused', async () => {
  const topic = await makeTopic();
  for (const acks of [0, 1, -1]) {
    await producer.send({ topic, acks, messages: [{ value: String(acks) }] });
  }
  assert.ok(await until(async () => (await admin.fetchTopicOffsets(topic))[0].high === '3'));
  const impatient = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner, retry: { retries: 1 },
  });
  await impatient.connect();
  await assert.rejects(
    impatient.send({ topic: name(), messages: [{ value: 'lost' }] }),
    /does not host this topic-partition/,
  );
  await impatient.disconnect();
});

test('seek reads again, and commits lead a successor on', async () => {
  const topic = await makeTopic();
  const groupId = name();
  const messages = Array.from({ length: 20 }, (_, number) => ({ value: String(number) }));
  await producer.send({ topic, messages });
  const first = await join(groupId, [topic], {});
  assert.ok(await until(() => first.messages.length >= 20));
  first.consumer.seek({ topic, partition: 0, offset: '5' });
  assert.ok(await until(() => first.messages.length >= 35));
  assert.deepEqual(texts(first.messages.slice(20)), texts(first.messages.slice(5, 20)));
  await first.stop();
  // Its end commits all it has read; the offset is set back while nobody is there.
  await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '7' }] });
  const second = await join(groupId, [topic]);
  assert.ok(await until(() => second.messages.length >= 13));
  assert.equal(texts(second.messages)[0], '7');
  await second.stop();
});

test('members share a group through joins and leaves', async () => {
  const topic = await makeTopic(4);
  const groupId = name();
  const all = [0, 1, 2, 3].map((partition) => `${topic}/${partition}`);
  const first = await join(groupId, [topic]);
  assert.ok(await until(() => first.owned.length === 4));
  const second = await join(groupId, [topic]);
  assert.ok(await until(() => first.owned.length === 2 && second.owned.length === 2));
  assert.deepEqual([...first.owned, ...second.owned].sort(), all);
  const { groups: [said] } = await admin.describeGroups([groupId]);
  assert.equal(said.state, 'Stable');
  const owned = said.members.map(({ memberAssignment }) =>
    AssignerProtocol.MemberAssignment.decode(memberAssignment).assignment[topic].length);
  assert.deepEqual(owned, [2, 2]);
  await first.stop();
  assert.ok(await until(() => second.owned.length === 4));
  const messages = Array.from({ length: 40 }, (_, number) => ({
    value: String(number), partition: number % 4,
  }));
  await producer.send({ topic, messages });
  assert.ok(await until(() => second.messages.length >= 40));
  await second.stop();
  const { groups } = await admin.listGroups();
  assert.ok(groups.some((group) => group.groupId === groupId));
  await admin.deleteGroups([groupId]);
  const left = await admin.listGroups();
  assert.ok(!left.groups.some((group) => group.groupId === groupId));
});

test('a transaction is seen whole or not at all', async () => {
  const topic = await makeTopic(2);
  const writer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    transactionalId: name(), idempotent: true, maxInFlightRequests: 1,
  });
  await writer.connect();
  const both = (value) => [0, 1].map((partition) => ({ value, partition }));
  for (const [value, end] of [['kept', 'commit'], ['dropped', 'abort'], ['kept too', 'commit']]) {
    const transaction = await writer.transaction();
    await transaction.send({ topic, messages: both(value) });
    await transaction[end]();
  }
  await writer.disconnect();
  const committed = await join(name(), [topic]);
  const everything = await join(name(), [topic], { readUncommitted: true });
  assert.ok(await until(() => everything.messages.length >= 6));
  assert.ok(await until(() => committed.messages.length >= 4));
  await Promise.all([committed.stop(), everything.stop()]);
  const twice = (values) => values.flatMap((value) => [value, value]).sort();
  assert.deepEqual(texts(committed.messages).sort(), twice(['kept', 'kept too']));
  assert.deepEqual(texts(everything.messages).sort(), twice(['dropped', 'kept', 'kept too']));
});

test('offsets are committed with a transaction or not at all', async () => {
  const topic = await makeTopic();
  const consumerGroupId = name();
  const writer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    transactionalId: name(), idempotent: true, maxInFlightRequests: 1,
  });
  await writer.connect();
  const saved = async () => {
    const [found] = await admin.fetchOffsets({ groupId: consumerGroupId, topics: [topic] });
    return found.partitions[0].offset;
  };
  for (const [end, offset] of [['abort', '-1'], ['commit', '5']]) {
    const transaction = await writer.transaction();
    await transaction.send({ topic, messages: [{ value: end }] });
    const topics = [{ topic, partitions: [{ partition: 0, offset: '5' }] }];
    await transaction.sendOffsets({ consumerGroupId, topics });
    await transaction[end]();
    assert.ok(await until(async () => (await saved()) === offset), `after ${end}`);
  }
  await writer.disconnect();
});

test('what is too large is refused', async () => {
  const topic = await makeTopic();
  await assert.rejects(
    producer.send({ topic, messages: [{ value: Buffer.alloc(2 << 20) }] }),
    (error) => error instanceof KafkaJSProtocolError && error.type === 'MESSAGE_TOO_LARGE',
  );
});

// Last, since a producer goes on asking for topics that it has written to and that are gone.
test('an operator changes topics, records and configurations', async () => {
  const topic = await makeTopic(2);
  assert.ok((await admin.listTopics()).includes(topic));
  await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] });
  assert.ok(await until(async () => {
    const { topics: [said] } = await admin.fetchTopicMetadata({ topics: [topic] });
    return said.partitions.length === 3;
  }));
  const messages = Array.from({ length: 10 }, (_, n) => ({ value: String(n), partition: 0,
    timestamp: String(1_700_000_000_000 + n) }));
  await producer.send({ topic, messages });
  const at = await admin.fetchTopicOffsetsByTimestamp(topic, 1_700_000_000_004);
  assert.equal(at.find(({ partition }) => partition === 0).offset, '4');
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '4' }] });
  const [offsets] = (await admin.fetchTopicOffsets(topic)).filter((each) => !each.partition);
  assert.deepEqual([offsets.low, offsets.high], ['4', '10']);
  const resource = { type: ConfigResourceTypes.TOPIC, name: topic };
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ ...resource, configEntries: [{ name: 'retention.ms', value: '9000' }] }],
  });
  const described = async () => {
    const { resources: [said] } = await admin.describeConfigs({ resources: [resource] });
    return said.configEntries.find(({ configName }) => configName === 'retention.ms').configValue;
  };
  assert.ok(await until(async () => (await described()) === '9000'));
  const cluster = await admin.describeCluster();
  assert.deepEqual(cluster.brokers.map(({ host, port }) => `${host}:${port}`), [broker.address]);
  await admin.deleteTopics({ topics: [topic] });
  assert.ok(await until(async () => !(await admin.listTopics()).includes(topic)));
});
