/** A backend that dies, fails or is cut off: told, never a blank page, and gone on from. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { createLink } from './support/api.js';
import { breaches } from './support/axe.js';
import { startBackplane } from './support/backplane.js';
import { startBrowser } from './support/browser.js';

describe('a failing backend', () => {
  let backplane;
  let browser;

  before(async () => {
    browser = await startBrowser();
  });
  beforeEach(async () => {
    await backplane?.stop();
    backplane = await startBackplane();
  });
  after(async () => {
    await browser?.stop();
    await backplane?.stop();
  });

  const banner = (page) => page.getByRole('alert').filter({ hasText: 'does not answer' });

  test('killed mid-way: a banner, and what was on screen stays', async () => {
    await createLink(backplane.edge, { longUrl: 'http://www.example.com/kept', title: 'Kept' });
    const { page, faults, close } = await browser.open(backplane.edge);
    const row = page.getByRole('row', { name: /shortener/ });
    await row.waitFor();
    await page.getByRole('link', { name: 'Short links' }).first().click();
    await page.getByText('Kept', { exact: true }).waitFor();
    await page.getByRole('link', { name: 'Overview' }).click();
    await row.waitFor();

    await backplane.kill();
    await banner(page).waitFor();
    await banner(page).getByRole('button', { name: 'Retry' }).waitFor();
    assert.equal(await row.count(), 1, 'the overview was emptied');
    assert.deepEqual(await breaches(page), []);

    // Every other page still shows its frame and says what is wrong.
    for (const name of ['Short links', 'Namespaces', 'Tokens', 'Audit']) {
      await page.getByRole('navigation').getByRole('link', { name }).click();
      await page.getByRole('heading', { level: 1, name }).waitFor();
      await banner(page).first().waitFor();
      assert.ok((await page.getByRole('main').textContent()).length > 100);
    }
    assert.deepEqual(faults, []);
    await close();
  });

  test('killed under a form: what was typed stays, and the deed is told as not done', async () => {
    const { page, close } = await browser.open(backplane.edge, { hash: '#/links' });
    const form = page.getByRole('region', { name: 'New link' });
    await form.getByLabel('Long address').fill('http://www.example.com/typed');
    await backplane.kill();
    await form.getByRole('button', { name: 'Shorten' }).click();
    await banner(page).first().waitFor();
    await form.getByRole('alert').waitFor();
    assert.equal(
      await form.getByLabel('Long address').inputValue(),
      'http://www.example.com/typed',
    );
    await close();
  });

  test('cut off and back: the banner goes by itself and the page is fresh', async () => {
    const { page, context, close } = await browser.open(backplane.edge, { hash: '#/namespaces' });
    await page.getByRole('rowheader').first().waitFor();
    await context.setOffline(true);
    const form = page.getByRole('region', { name: 'New namespace' });
    await form.getByLabel('Name').fill('meanwhile');
    await form.getByRole('button', { name: 'Create' }).click();
    await banner(page).first().waitFor();
    await fetch(`${backplane.edge}/platform/namespaces`, {
      method: 'POST',
      headers: { authorization: 'Bearer dev', 'content-type': 'application/json' },
      body: '{"name":"from-elsewhere"}',
    });

    await context.setOffline(false);
    await page.getByRole('rowheader', { name: 'from-elsewhere' }).waitFor();
    assert.equal(await page.locator('.banner').count(), 0);
    assert.equal(await form.getByLabel('Name').inputValue(), 'meanwhile');
    await close();
  });

  test('dead from the start: told, asked again, and then the console', async () => {
    let answering = false;
    const prepare = (page) =>
      page.route('**/platform/session', (route) => (answering ? route.continue() : route.abort()));
    const { page, close } = await browser.open(backplane.edge, { prepare });
    await page.getByRole('alert').filter({ hasText: 'does not answer' }).waitFor();
    answering = true;
    await page.getByRole('button', { name: 'Retry' }).click();
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    await close();
  });

  test('a fault of the server\'s is told in place, over what was there', async () => {
    const { page, close } = await browser.open(backplane.edge);
    await page.getByRole('row', { name: /shortener/ }).waitFor();
    await page.route('**/platform/overview', (route) =>
      route.fulfill({
        status: 500,
        contentType: 'application/problem+json',
        json: { title: 'Out of order', status: 500, detail: 'A disk is full.', requestId: 'r-1' },
      }),
    );
    const note = page.getByRole('alert').filter({ hasText: 'Out of order' });
    await note.waitFor();
    assert.match(await note.textContent(), /A disk is full\..*r-1/s);
    assert.equal(await page.getByRole('row', { name: /shortener/ }).count(), 1);
    await close();
  });
});
