/** Ids in JavaScript: unchanged as text, and read by decoders of their own. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Snowflake, TwitterSnowflake } from '@sapphire/snowflake';
import { Redis } from 'ioredis';
import { decodeTime } from 'ulid';

import { startShortener } from './support/backplane.js';

const headers = { Authorization: 'Bearer dev' };
let server;
let redis;

before(async () => {
  server = await startShortener();
  const [host, port] = server.systems.ids.resp.split(':');
  redis = new Redis({ host, port: Number(port), password: 'dev' });
});

after(async () => {
  redis.disconnect();
  await server.stop();
});

async function get(path) {
  const answer = await fetch(`${server.systems.ids.http}${path}`, { headers });
  assert.equal(answer.status, 200);
  return answer.json();
}

test('an id survives JSON', async () => {
  const { id } = await get('/id');
  assert.match(id, /^\d{19}$/);
  assert.equal(JSON.parse(JSON.stringify({ id })).id, id);
  // As a number it would not.
  assert.ok(!Number.isSafeInteger(Number(id)));
});

test('decoders of Snowflake ids read ours', async () => {
  const began = Date.now();
  const { ids } = await get('/ids?count=100');
  for (const id of ids) {
    const read = TwitterSnowflake.deconstruct(id);
    assert.ok(Number(read.timestamp) >= began && Number(read.timestamp) <= Date.now());
    const { own } = await get(`/decode/${id}`);
    assert.equal(own.sequence, Number(read.increment));
    assert.equal(own.datacenter * 32 + own.machine, Number(read.workerId * 32n + read.processId));
  }
});

test('ids of Discord are read as its own library reads them', async () => {
  const discord = new Snowflake(1_420_070_400_000);
  const read = discord.deconstruct('175928847299117063');
  const { readings } = await get('/decode/175928847299117063');
  const ours = readings.find((reading) => reading.format === 'discord');
  assert.equal(ours.timestampMs, Number(read.timestamp));
});

test('a Redis client gets ids as text', async () => {
  const ids = await redis.call('ID.NEXT', 1_000);
  assert.equal(new Set(ids).size, 1_000);
  assert.deepEqual(ids, [...ids].sort());
  const ulid = await redis.call('ID.ULID');
  assert.ok(Math.abs(decodeTime(ulid) - Date.now()) < 60_000);
});
