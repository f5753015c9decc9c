/** Ids: made, read, and the place they come from. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { suite } from './support/suite.js';

describe('ids', () => {
  const house = suite();

  async function show() {
    const opened = await house.open({ hash: '#/ids' });
    await opened.page.getByRole('heading', { level: 2, name: 'Generator' }).waitFor();
    return opened;
  }

  test('ids are made, shown and read again', async () => {
    const { page, faults, close } = await show();
    await page.getByLabel('How many').fill('3');
    await page.getByLabel('Type').fill('ord');
    await page.getByRole('button', { name: 'Make', exact: true }).click();
    const made = page.getByRole('list', { name: 'Ids made' }).getByRole('listitem');
    await made.nth(2).waitFor();
    assert.equal(await made.count(), 3);
    const id = (await made.first().locator('code').textContent()).trim();
    assert.match(id, /^ord_[0-9a-z]{13}.$/);
    // The place that they come from is told now.
    await page.getByRole('table', { name: 'Places of generators' }).waitFor();

    await page.getByLabel('Id', { exact: true }).fill(id);
    await page.getByRole('button', { name: 'Read', exact: true }).click();
    const own = page.getByRole('row', { name: /this namespace/ });
    await own.waitFor();
    assert.match(await own.textContent(), /yes.*sequence \d+/);
    assert.deepEqual(faults, []);
    await close();
  });

  test('an id of others has several readings', async () => {
    const { page, close } = await show();
    await page.getByRole('button', { name: 'Read', exact: true }).click();
    const discord = page.getByRole('row', { name: /discord/ });
    await discord.waitFor();
    assert.match(await discord.textContent(), /2016-04-30T11:18:25.796Z/);
    assert.ok((await page.getByRole('row').count()) > 5);
    await close();
  });

  test('what is no id is refused in words', async () => {
    const { page, close } = await show();
    await page.getByLabel('Id', { exact: true }).fill('hello');
    await page.getByRole('button', { name: 'Read', exact: true }).click();
    await page.locator('.note-problem').getByText(/is no id of this form/).waitFor();
    await close();
  });
});
