/** The npm package `@shlinkio/shlink-js-sdk`, which Shlink's own web client is made with. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { ShlinkApiClient } from '@shlinkio/shlink-js-sdk';
import { ErrorType } from '@shlinkio/shlink-js-sdk/api-contract';
import { FetchHttpClient } from '@shlinkio/shlink-js-sdk/fetch';

import { startShortener, until, visit } from './support/backplane.js';

let server;
let client;
const clientOf = (apiKey) =>
  new ShlinkApiClient(new FetchHttpClient(), { baseUrl: server.http, apiKey });

before(async () => {
  server = await startShortener();
  client = clientOf('dev');
});

after(() => server.stop());

test('a short URL is made, shown, edited and deleted', async () => {
  const made = await client.createShortUrl({
    longUrl: 'https://example.com/s/1',
    customSlug: 's-one',
    tags: ['red', 'blue'],
    title: 'One',
    maxVisits: 10,
    validUntil: '2040-01-01T00:00:00+00:00',
  });
  assert.equal(made.shortUrl, `${server.http}/s-one`);
  assert.deepEqual(made.tags, ['blue', 'red']);
  assert.deepEqual(made.meta, {
    validSince: null,
    validUntil: '2040-01-01T00:00:00+00:00',
    maxVisits: 10,
  });
  const id = { shortCode: 's-one' };
  assert.equal((await client.getShortUrl(id)).longUrl, 'https://example.com/s/1');
  const edited = await client.updateShortUrl(id, { title: null, maxVisits: null, tags: ['green'] });
  assert.deepEqual([edited.title, edited.meta.maxVisits, edited.tags], [null, null, ['green']]);
  assert.deepEqual(await client.getShortUrlRedirectRules(id), {
    defaultLongUrl: 'https://example.com/s/1',
    redirectRules: [],
  });
  await client.deleteShortUrl(id);
  await assert.rejects(client.getShortUrl(id), { type: ErrorType.INVALID_SHORTCODE });
});

test('short URLs are listed in pages and orders', async () => {
  for (const name of ['a', 'b', 'c']) {
    const longUrl = `https://example.com/list/${name}`;
    await client.createShortUrl({ longUrl, customSlug: `list-${name}`, tags: ['list'] });
  }
  const orderBy = { field: 'shortCode', dir: 'DESC' };
  const listed = await client.listShortUrls({ tags: ['list'], itemsPerPage: 2, orderBy });
  assert.deepEqual(listed.data.map((link) => link.shortCode), ['list-c', 'list-b']);
  assert.equal(listed.pagination.pagesCount, 2);
  assert.equal(listed.pagination.totalItems, 3);
  const found = await client.listShortUrls({ searchTerm: 'list/b' });
  assert.deepEqual(found.data.map((link) => link.shortCode), ['list-b']);
  assert.ok((await client.listTags()).data.includes('list'));
  const stats = await client.tagsStats();
  assert.equal(stats.data.find((tag) => tag.tag === 'list').shortUrlsCount, 3);
});

test('visits are counted and told one by one', async () => {
  const longUrl = 'https://example.com/s/2';
  const { shortUrl, shortCode } = await client.createShortUrl({ longUrl, findIfExists: true });
  assert.equal((await client.createShortUrl({ longUrl, findIfExists: true })).shortCode, shortCode);
  assert.equal(await visit(shortUrl), longUrl);
  const visits = await until(
    () => client.getShortUrlVisits({ shortCode }),
    (answer) => answer.data.length === 1,
  );
  assert.equal(visits.pagination.totalItems, 1);
  assert.equal(visits.data[0].referer, 'news.example');
  assert.match(visits.data[0].userAgent, /Firefox/);
  assert.equal(visits.data[0].potentialBot, false);
  const { visitsSummary } = await client.getShortUrl({ shortCode });
  assert.deepEqual(visitsSummary, { total: 1, nonBots: 1, bots: 0 });
  const overview = await client.getVisitsOverview();
  assert.ok(overview.nonOrphanVisits.total >= 1);
  assert.equal((await client.getOrphanVisits()).data.length, 0);
});

test('the query is forwarded unless it is not to be', async () => {
  const longUrl = 'https://example.com/s/3';
  const forwarding = await client.createShortUrl({ longUrl });
  assert.equal(await visit(`${forwarding.shortUrl}?a=1`), `${longUrl}?a=1`);
  // The client leaves out what is false when it creates, but not when it edits.
  await client.updateShortUrl(forwarding, { forwardQuery: false });
  assert.equal(await visit(`${forwarding.shortUrl}?a=1`), longUrl);
});

test('the server says what it is', async () => {
  assert.equal((await client.health()).status, 'pass');
  const { data } = await client.listDomains();
  assert.deepEqual([data[0].domain, data[0].isDefault], [new URL(server.http).host, true]);
  await assert.rejects(client.mercureInfo(), { type: ErrorType.MERCURE_NOT_CONFIGURED });
});

test('refusals are those of Shlink', async () => {
  const taken = { longUrl: 'https://example.com/s/4', customSlug: 's-four' };
  await client.createShortUrl(taken);
  await assert.rejects(client.createShortUrl(taken), { type: ErrorType.INVALID_SLUG });
  await assert.rejects(client.createShortUrl({ longUrl: 'nothing' }), {
    type: ErrorType.INVALID_ARGUMENT,
    invalidElements: ['longUrl'],
  });
  await assert.rejects(clientOf('wrong').listTags(), { type: ErrorType.INVALID_API_KEY });
});
