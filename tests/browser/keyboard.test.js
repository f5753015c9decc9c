/** The console by keyboard alone: no pointer is used in this file. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { call } from './support/api.js';
import { suite } from './support/suite.js';

describe('keyboard', () => {
  const house = suite();

  /** The accessible name of what has the focus, and whether a sighted reader can tell. */
  const focused = (page) =>
    page.evaluate(() => {
      const element = document.activeElement;
      const label = element?.labels?.[0]?.textContent;
      const name = element?.getAttribute('aria-label') ?? label ?? element?.textContent ?? '';
      const { outlineStyle } = getComputedStyle(element);
      return { name: name.trim(), tag: element.tagName, visible: outlineStyle !== 'none' };
    });

  /** Presses Tab until `name` has the focus. */
  async function tabTo(page, name) {
    const seen = [];
    for (let presses = 0; presses < 60; presses += 1) {
      await page.keyboard.press('Tab');
      const now = await focused(page);
      seen.push(now.name);
      if (typeof name === 'string' ? now.name === name : name.test(now.name)) {
        assert.ok(now.visible, `the focus on "${now.name}" cannot be seen`);
        return;
      }
    }
    assert.fail(`Tab never reached ${name}; it went through ${seen.join(' | ')}`);
  }

  test('the first stop leads past the menu', async () => {
    const { page, close } = await house.open();
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    await page.keyboard.press('Tab');
    assert.equal((await focused(page)).name, 'Skip to the page');
    await page.keyboard.press('Enter');
    assert.equal((await focused(page)).tag, 'MAIN');
    assert.equal(new URL(page.url()).hash, '#/', 'the page was left');
    await close();
  });

  test('a link is made, opened and deleted', async () => {
    const { page, close } = await house.open();
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    await tabTo(page, 'Short links');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Short links' }).waitFor();
    assert.equal((await focused(page)).tag, 'H1', 'the new page is not where reading goes on');

    await tabTo(page, 'Long address');
    await page.keyboard.type('http://www.example.com/by-keyboard');
    await tabTo(page, /^Options/);
    await page.keyboard.press('Enter');
    await tabTo(page, 'Alias');
    await page.keyboard.type('by-keyboard');
    await page.keyboard.press('Enter');
    await page.getByRole('status').filter({ hasText: /Created .*by-keyboard/ }).waitFor();

    await tabTo(page, 'Clicks and QR code');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: /by-keyboard$/ }).waitFor();
    await page.getByRole('radio', { name: '7 days' }).waitFor({ state: 'attached' });
    await tabTo(page, 'Delete');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await tabTo(page, 'Delete');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Short links' }).waitFor();
    await page.getByText('No links yet').waitFor();
    await close();
  });

  test('a dialog keeps the focus, starts harmless, and Escape gives it back', async () => {
    await call(house.backplane.edge, '/platform/namespaces', { method: 'POST', json: { name: 'spare' } });
    const { page, close } = await house.open({ hash: '#/namespaces' });
    await page.getByRole('button', { name: 'Drop spare' }).waitFor();
    await tabTo(page, 'Drop spare');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Drop spare?' }).waitFor();
    assert.equal((await focused(page)).name, 'Cancel');
    for (let presses = 0; presses < 12; presses += 1) {
      await page.keyboard.press('Tab');
      const inside = await page.evaluate(() => {
        const element = document.activeElement;
        // Between the last and the first stop the focus may rest on the browser itself.
        return element === document.body || element.closest('dialog') !== null;
      });
      assert.ok(inside, 'the focus left the dialog');
    }
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.equal((await focused(page)).name, 'Drop spare');
    const { items } = await call(house.backplane.edge, '/platform/namespaces');
    assert.ok(items.some(({ name }) => name === 'spare'), 'Escape dropped it');
    await close();
  });

  test('on a narrow screen the menu opens and leads on', async () => {
    const { page, close } = await house.open({
      viewport: { width: 360, height: 740 },
    });
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    await tabTo(page, 'Menu');
    await page.keyboard.press('Enter');
    assert.equal(
      await page.getByRole('button', { name: 'Menu' }).getAttribute('aria-expanded'),
      'true',
    );
    await tabTo(page, 'Tokens');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Tokens' }).waitFor();
    assert.equal(
      await page.getByRole('button', { name: 'Menu' }).getAttribute('aria-expanded'),
      'false',
    );
    await close();
  });
});
