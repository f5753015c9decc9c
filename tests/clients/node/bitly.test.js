/** The npm package `bitly`. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import axios from 'axios';
import { BitlyClient } from 'bitly';

import { startShortener, until, visit } from './support/backplane.js';

let server;
let client;

before(async () => {
  server = await startShortener();
  // The client knows only a host name under https, so its requests are led here on their way out.
  axios.interceptors.request.use((request) => {
    request.url = request.url.replace('https://api-ssl.bitly.com', server.http);
    return request;
  });
  client = new BitlyClient('dev');
});

after(() => server.stop());

test('a URL is shortened, expanded and described', async () => {
  const link = await client.shorten('https://example.com/node/1');
  assert.equal(link.long_url, 'https://example.com/node/1');
  assert.equal(link.link, `http://${link.id}`);
  assert.equal((await client.shorten('https://example.com/node/1')).id, link.id);
  assert.equal((await client.expand(link.id)).long_url, link.long_url);
  // The client writes bit.ly before every code; that means the service's own domain here.
  assert.equal((await client.getBitlink(link.link)).id, link.id);
  assert.equal(await visit(link.link), link.long_url);
});

test('clicks are told by day, referrer and country', async () => {
  const link = await client.shorten('https://example.com/node/2');
  await visit(link.link);
  await visit(link.link);
  const day = await until(
    () => client.clicksByDay(link.id),
    (answer) => answer.link_clicks[0]?.clicks === 2,
  );
  assert.equal(day.link_clicks[0].clicks, 2);
  assert.equal(day.unit, 'day');
  const { metrics, facet } = await client.referrers(link.id);
  assert.deepEqual([facet, metrics], ['referrers', [{ value: 'news.example', clicks: 2 }]]);
  assert.equal((await client.countries(link.id)).metrics[0].clicks, 2);
  const summary = await client.bitlyRequest(
    `bitlinks/${link.id}/clicks/summary`,
    { unit: 'hour', units: 1 },
    'GET',
  );
  assert.equal(summary.total_clicks, 2);
  // Clicks are counted by the hour.
  await assert.rejects(client.clicksByMinute(link.id), { message: 'INVALID_ARG_UNIT' });
});

test('any operation can be called', async () => {
  const request = { long_url: 'https://example.com/node/3', title: 'Three', keyword: 'node-three' };
  const made = await client.bitlyRequest('bitlinks', request);
  assert.equal(made.title, 'Three');
  const id = `bitlinks/${made.id}`;
  const changed = await client.bitlyRequest(id, { title: 'Drei', long_url: request.long_url }, 'PATCH');
  assert.equal(changed.title, 'Drei');
  const user = await client.bitlyRequest('user', {}, 'GET');
  const path = `groups/${user.default_group_guid}/bitlinks`;
  const { links } = await client.bitlyRequest(path, { query: 'node/3' }, 'GET');
  assert.deepEqual(links.map((link) => link.id), [made.id]);
  await client.bitlyRequest(id, {}, 'DELETE');
  await assert.rejects(client.getBitlink(made.id), { message: 'NOT_FOUND' });
});

test('refusals are those of Bitly', async () => {
  await assert.rejects(client.shorten('ftp://example.com/'), { message: 'INVALID_ARG_LONG_URL' });
  const stranger = new BitlyClient('wrong');
  await assert.rejects(stranger.shorten('https://example.com/'), { message: 'FORBIDDEN' });
});
