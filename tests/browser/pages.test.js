/** Each page: it is there, it is accessible in both themes, it fits a narrow screen. */
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { createLink } from './support/api.js';
import { breaches } from './support/axe.js';
import { suite } from './support/suite.js';

const pages = [
  { hash: '#/', title: 'Overview', shows: 'Systems' },
  { hash: '#/links', title: 'Short links', shows: 'Your links' },
  { hash: '#/transfer', title: 'Import and export', shows: 'Import' },
  { hash: '#/links/page-test', title: /page-test$/, shows: 'QR code' },
  { hash: '#/ids', title: 'Ids', shows: 'Generator' },
  { hash: '#/limits', title: 'Rate limits', shows: 'Rule file' },
  { hash: '#/namespaces', title: 'Namespaces', shows: 'All namespaces' },
  { hash: '#/tokens', title: 'Tokens', shows: 'All tokens' },
  { hash: '#/audit', title: 'Audit', shows: 'Entries' },
];

describe('pages', () => {
  const house = suite();

  before(async () => {
    await createLink(house.backplane.edge, {
      longUrl: 'http://www.example.com/page-test',
      alias: 'page-test',
      title: 'A link to look at',
      tags: ['look'],
    });
  });

  /** Opens a page and waits until everything on it has loaded. */
  async function show({ hash, title, shows }, options) {
    const opened = await house.open({ hash, ...options });
    const { page } = opened;
    await page.getByRole('heading', { level: 1, name: title }).waitFor();
    await page.getByRole('heading', { level: 2, name: shows, exact: true }).waitFor();
    await page.waitForFunction(() => document.querySelector('.loading') === null);
    return opened;
  }

  for (const entry of pages) {
    test(`${entry.hash} opens, in its own origin and policy`, async () => {
      const { page, faults, close } = await show(entry);
      assert.equal(await page.getByRole('main').count(), 1);
      assert.equal(await page.getByRole('navigation').count(), 1);
      assert.equal(await page.locator('.note-problem').count(), 0);
      assert.match(await page.title(), / · Backplane$/);
      assert.deepEqual(faults, []);
      await close();
    });

    for (const colorScheme of ['light', 'dark']) {
      test(`${entry.hash} is accessible in ${colorScheme}`, async () => {
        const { page, close } = await show(entry, { colorScheme });
        assert.deepEqual(await breaches(page), []);
        await close();
      });
    }

    test(`${entry.hash} fits 360 pixels`, async () => {
      const { page, close } = await show(entry, { viewport: { width: 360, height: 740 } });
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(width <= 360, `the page is ${width} pixels wide`);
      assert.deepEqual(await breaches(page), []);
      await close();
    });
  }

  test('the overview names the systems and lives', async () => {
    const { page, close } = await show(pages[0]);
    const row = page.getByRole('row', { name: /shortener/ });
    await row.waitFor();
    assert.match(await row.textContent(), /ready|idle/);
    const requests = page.locator('.facts').getByText(/^\d.* s$/).first();
    const first = await requests.textContent();
    await page.waitForFunction(
      (old) => ![...document.querySelectorAll('.facts dd')].some((el) => el.textContent === old),
      first,
    );
    await close();
  });

  test('the theme is the system\'s until one is chosen, which a reload keeps', async () => {
    const { page, close } = await show(pages[0], { colorScheme: 'light' });
    const background = () =>
      page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    await page.getByRole('button', { name: 'Switch to the dark theme' }).click();
    await page.getByRole('button', { name: 'Switch to the light theme' }).waitFor();
    const dark = await background();
    assert.notEqual(dark, light);
    await page.reload();
    await page.getByRole('button', { name: 'Switch to the light theme' }).waitFor();
    assert.equal(await background(), dark);
    await close();
  });

  test('an unknown address is told, not blank', async () => {
    const { page, close } = await house.open({ hash: '#/nowhere' });
    await page.getByRole('heading', { name: 'No such page' }).waitFor();
    await close();
  });

  test('a code that no link has is told in the server\'s words', async () => {
    const { page, close } = await house.open({ hash: '#/links/nosuchcode' });
    await page.getByRole('alert').filter({ hasText: /\w/ }).first().waitFor();
    await page.getByRole('button', { name: 'Retry' }).first().waitFor();
    await close();
  });
});
