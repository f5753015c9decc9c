/** Rate limits: a rule is written, tried until it denies, and told of. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { suite } from './support/suite.js';

const rule = `domain: shop
descriptors:
  - key: user
    rate_limit: {unit: hour, requests_per_unit: 2, algorithm: token_bucket}
`;

describe('rate limits', () => {
  const house = suite();

  test('a rule is checked, put in force, tried and removed', async () => {
    const { page, faults, close } = await house.open({ hash: '#/limits' });
    await page.getByRole('combobox', { name: 'File' }).fill('shop.yaml');
    await page.getByRole('textbox', { name: 'Rules' }).fill(rule);
    await page.getByRole('button', { name: 'Check' }).click();
    await page.getByText('with it 1 rule would be in force').waitFor();
    await page.getByRole('button', { name: 'Put in force' }).click();
    const inForce = page.getByRole('row', { name: /shop:\/user/ }).first();
    await inForce.waitFor();
    assert.match(await inForce.textContent(), /2 in 1 h/);

    await page.getByLabel('Domain').fill('shop');
    await page.getByLabel('Descriptor').fill('user=ada');
    const verdict = page.getByRole('status').filter({ hasText: /OK|OVER LIMIT/ }).first();
    for (const expected of ['OK', 'OK', 'OVER LIMIT']) {
      await page.getByRole('button', { name: 'Decide' }).click();
      await verdict.getByText(expected, { exact: true }).first().waitFor();
    }
    // Where the caller stands is told without charging anyone.
    await page.getByRole('button', { name: 'Only explain' }).click();
    await page.getByText('WHERE IT STANDS').waitFor();
    await page.getByRole('table', { name: 'Callers denied most' }).waitFor({ timeout: 15_000 });
    assert.match(await page.getByRole('table', { name: 'Callers denied most' }).textContent(), /ada/);

    await page.getByRole('button', { name: 'Remove' }).click();
    await page.getByText('No rules, no limits').waitFor();
    assert.deepEqual(faults, []);
    await close();
  });

  test('a file with a mistake is refused with its line', async () => {
    const { page, close } = await house.open({ hash: '#/limits' });
    await page.getByRole('textbox', { name: 'Rules' }).fill(rule.replace('hour', 'fortnight'));
    await page.getByRole('button', { name: 'Put in force' }).click();
    await page.locator('.note-problem').getByText(/4: .*fortnight/).waitFor();
    await close();
  });
});
