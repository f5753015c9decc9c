/** Short links from end to end: made, followed, counted, found, changed, moved, deleted. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { call, createLink } from './support/api.js';
import { runShownCommand } from './support/command.js';
import { suite } from './support/suite.js';

describe('short links', () => {
  const house = suite();
  let directory;

  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'backplane-links-'));
  });
  after(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  const section = (page, name) => page.getByRole('region', { name, exact: true });

  test('a link is made, followed, and its click is seen', async () => {
    const { page, context, close } = await house.open({ hash: '#/links' });
    const form = section(page, 'New link');
    await form.getByLabel('Long address').fill('http://www.example.com/first?a=1#part');
    await form.getByRole('button', { name: 'Shorten' }).click();
    const link = form.locator('.created a');
    await link.waitFor();

    const visitor = await context.newPage();
    await visitor.goto(await link.getAttribute('href'));
    assert.equal(visitor.url(), 'http://www.example.com/first?a=1#part');
    await visitor.getByText('You are at /first?a=1').waitFor();

    await form.getByRole('link', { name: 'Clicks and QR code' }).click();
    const people = page.locator('.totals > div').filter({ hasText: 'People' }).locator('dd');
    await page.waitForFunction(
      (element) => element.textContent === '1',
      await people.elementHandle({ timeout: 10_000 }),
    );
    await page.getByRole('img', { name: /^1 click over/ }).waitFor();
    await section(page, 'Latest visits').getByText(/Chrome/).first().waitFor();
    await close();
  });

  test('the same address gives the same link and says so', async () => {
    const longUrl = 'http://www.example.com/twice';
    const made = await createLink(house.backplane.edge, { longUrl });
    const { page, close } = await house.open({ hash: '#/links' });
    const form = section(page, 'New link');
    await form.getByLabel('Long address').fill(longUrl);
    await form.getByRole('button', { name: 'Shorten' }).click();
    await form.getByText('This address already had a short link').waitFor();
    assert.equal(await form.locator('.created a').getAttribute('href'), made.shortURL);
    await close();
  });

  test('the options reach the link', async () => {
    const { page, close } = await house.open({ hash: '#/links' });
    const form = section(page, 'New link');
    await form.getByLabel('Long address').fill('http://www.example.com/options');
    await form.getByText(/^Options/).click();
    await form.getByLabel('Alias').fill('my-alias');
    await form.getByLabel('Title').fill('With options');
    await form.getByLabel('Tags').fill('one, two');
    await form.getByLabel('Most visits').fill('3');
    await form.getByLabel('Redirect').selectOption('307');
    await form.getByLabel('Expires').fill('2099-01-02T03:04');
    await form.getByRole('button', { name: 'Shorten' }).click();
    await form.locator('.created').waitFor();
    const link = await call(house.backplane.edge, '/shortener/shorturls/my-alias');
    assert.equal(link.title, 'With options');
    assert.deepEqual([...link.tags].sort(), ['one', 'two']);
    assert.equal(link.maxVisits, 3);
    assert.equal(link.redirect, 307);
    assert.equal(new Date(link.expiresAt).getUTCFullYear(), 2099);
    await close();
  });

  test('a refusal is told in the server\'s words and what was typed stays', async () => {
    const { page, close } = await house.open({ hash: '#/links' });
    const form = section(page, 'New link');
    await form.getByLabel('Long address').fill('http://127.0.0.1/private');
    await form.getByRole('button', { name: 'Shorten' }).click();
    const note = form.getByRole('alert');
    await note.waitFor();
    assert.ok((await note.locator('p').first().textContent()).length > 10);
    assert.equal(await form.getByLabel('Long address').inputValue(), 'http://127.0.0.1/private');
    await close();
  });

  test('links are found by words and by tag', async () => {
    await createLink(house.backplane.edge, {
      longUrl: 'http://www.example.com/needle',
      title: 'Needle',
      tags: ['sharp'],
    });
    const { page, close } = await house.open({ hash: '#/links' });
    const list = section(page, 'Your links');
    const rows = list.getByRole('row').filter({ has: page.getByRole('rowheader') });
    await list.getByLabel('Search').fill('needle');
    await page.waitForFunction((table) => table.querySelectorAll('tbody tr').length === 1,
      await list.getByRole('table').elementHandle());
    await list.getByLabel('Search').fill('no such words');
    await list.getByText('No link matches').waitFor();
    await list.getByLabel('Search').fill('');
    await list.getByRole('button', { name: 'Only links tagged sharp' }).click();
    await list.getByRole('button', { name: /Show all tags/ }).waitFor();
    await page.waitForFunction((table) => table.querySelectorAll('tbody tr').length === 1,
      await list.getByRole('table').elementHandle());
    assert.match(await rows.first().textContent(), /Needle/);
    await close();
  });

  test('a long list is read page by page', async () => {
    for (let index = 0; index < 120; index += 1) {
      await createLink(house.backplane.edge, { longUrl: `http://www.example.com/page/${index}` });
    }
    const { page, close } = await house.open({ hash: '#/links' });
    const list = section(page, 'Your links');
    await list.getByRole('rowheader').first().waitFor();
    const more = list.getByRole('button', { name: 'Show more links' });
    for (let clicks = 0; (await more.count()) > 0; clicks += 1) {
      assert.ok(clicks < 20, 'the list never ends');
      const known = await list.getByRole('rowheader').count();
      await more.click();
      await page.waitForFunction(
        ({ table, count }) => table.querySelectorAll('tbody tr').length > count,
        { table: await list.getByRole('table').elementHandle(), count: known },
      );
    }
    const names = await list.getByRole('rowheader').allTextContents();
    assert.ok(names.length >= 120);
    assert.equal(new Set(names).size, names.length, 'no link is listed twice');
    await close();
  });

  test('a link is copied, changed and deleted', async () => {
    const longUrl = 'http://www.example.com/change';
    const { code, shortURL } = await createLink(house.backplane.edge, { longUrl });
    const hash = `#/links/${code}`;
    const { page, close } = await house.open({ hash });
    await page.getByRole('button', { name: 'Copy short link' }).click();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), shortURL);

    const settings = section(page, 'Settings');
    await settings.getByLabel('Long address').fill('http://www.example.com/changed');
    await settings.getByLabel('Title').fill('Changed');
    await settings.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('status').filter({ hasText: 'Saved' }).waitFor();
    const changed = await call(house.backplane.edge, `/shortener/shorturls/${code}`);
    assert.equal(changed.longUrl, 'http://www.example.com/changed');
    assert.equal(changed.title, 'Changed');

    await page.getByRole('button', { name: 'Delete' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('heading', { level: 1, name: 'Short links' }).waitFor();
    const gone = await fetch(shortURL, { redirect: 'manual' });
    assert.ok([404, 410].includes(gone.status), `it still answers ${gone.status}`);
    await close();
  });

  test('the chart has a table and a file of the same figures', async () => {
    const { code } = await createLink(house.backplane.edge, { longUrl: 'http://www.example.com/chart' });
    const { page, close } = await house.open({ hash: `#/links/${code}` });
    await page.getByText('24 hours').click();
    await page.getByRole('button', { name: 'Show as table' }).click();
    await page.getByRole('table', { name: 'Clicks by hour' }).waitFor();
    const waiting = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save as CSV' }).click();
    const text = await readFile(await (await waiting).path(), 'utf8');
    assert.match(text, /^at,people,bots,scans\r\n/);
    await close();
  });

  test('the QR code is shown and saved', async () => {
    const { code } = await createLink(house.backplane.edge, { longUrl: 'http://www.example.com/qr' });
    const { page, faults, close } = await house.open({
      hash: `#/links/${code}`,
    });
    const image = page.getByRole('img', { name: `QR code of ${code}` });
    await image.waitFor();
    assert.ok(await image.evaluate((element) => element.complete && element.naturalWidth > 0));
    const waiting = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Save PNG' }).click();
    const bytes = await readFile(await (await waiting).path());
    assert.equal(bytes.subarray(1, 4).toString(), 'PNG');
    assert.deepEqual(faults, []);
    await close();
  });

  test('links are imported with a report, and exported again', async () => {
    const file = path.join(directory, 'links.csv');
    await writeFile(file, [
      'longUrl,alias',
      'http://www.example.com/import/1,imported-1',
      'http://www.example.com/import/2,imported-2',
      'javascript:alert(1),imported-3',
      '',
    ].join('\n'));
    const { page, close } = await house.open({ hash: '#/transfer' });
    await page.getByLabel('Choose a file, or drop it here').setInputFiles(file);
    await page.getByText('2 links imported from links.csv').waitFor();
    await page.getByRole('table', { name: 'Refused lines' }).getByRole('rowheader', { name: '4' })
      .waitFor();
    const link = await call(house.backplane.edge, '/shortener/shorturls/imported-2');
    assert.equal(link.longUrl, 'http://www.example.com/import/2');

    for (const format of ['csv', 'jsonl', 'nginx', 'caddy']) {
      await page.getByLabel('Format').selectOption(format);
      const waiting = page.waitForEvent('download');
      await page.getByRole('button', { name: 'Export' }).click();
      const text = await readFile(await (await waiting).path(), 'utf8');
      assert.match(text, /imported-1/, `${format} lacks a link`);
    }
    await close();
  });

  test('the commands shown do what the buttons do', async () => {
    const { page, close } = await house.open({ hash: '#/links' });
    const form = section(page, 'New link');
    await form.getByLabel('Long address').fill("http://www.example.com/it's?a=$b&c=`d`");
    const made = await runShownCommand(form, directory);
    assert.match(made.shortURL, /^http/);
    const listed = await runShownCommand(section(page, 'Your links'), directory);
    assert.ok(listed.items.some(({ code }) => code === made.code));

    await page.goto(`${house.backplane.edge}/#/links/${made.code}`);
    await page.getByRole('img', { name: /QR code/ }).waitFor();
    const stats = await runShownCommand(section(page, 'Clicks'), directory);
    assert.equal(stats.total, 0);
    const visits = await runShownCommand(section(page, 'Latest visits'), directory);
    assert.deepEqual(visits.items, []);
    await runShownCommand(section(page, 'QR code'), directory);
    const image = await readFile(path.join(directory, `qr-${made.code}.png`));
    assert.equal(image.subarray(1, 4).toString(), 'PNG');
    await close();
  });
});
