/** Namespaces, tokens, the audit log, and signing in. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { call } from './support/api.js';
import { runShownCommand } from './support/command.js';
import { suite } from './support/suite.js';

describe('platform', () => {
  const house = suite();

  const section = (page, name) => page.getByRole('region', { name, exact: true });

  test('a namespace is created, forked, reset and dropped', async () => {
    const { page, close } = await house.open({ hash: '#/namespaces' });
    const row = (name) =>
      page.getByRole('row').filter({ has: page.getByRole('rowheader', { name, exact: true }) });
    const dialog = page.getByRole('dialog');

    await section(page, 'New namespace').getByLabel('Name').fill('first');
    await section(page, 'New namespace').getByRole('button', { name: 'Create' }).click();
    await row('first').waitFor();

    await page.getByRole('button', { name: 'Fork first' }).click();
    await dialog.getByLabel('New namespace').fill('second');
    await dialog.getByRole('button', { name: 'Fork', exact: true }).click();
    await row('second').waitFor();

    await page.getByRole('button', { name: 'Reset second' }).click();
    await dialog.getByRole('button', { name: 'Reset', exact: true }).click();
    await page.getByRole('status').filter({ hasText: 'Reset second' }).waitFor();

    await page.getByRole('button', { name: 'Drop second' }).click();
    await dialog.getByRole('button', { name: 'Drop', exact: true }).click();
    await row('second').waitFor({ state: 'detached' });

    const { items } = await call(house.backplane.edge, '/platform/namespaces');
    const names = items.map(({ name }) => name);
    assert.ok(names.includes('first'));
    assert.ok(!names.includes('second'));
    await close();
  });

  test('a namespace that exists is refused in the server\'s words', async () => {
    await call(house.backplane.edge, '/platform/namespaces', { method: 'POST', json: { name: 'taken' } });
    const { page, close } = await house.open({ hash: '#/namespaces' });
    const form = section(page, 'New namespace');
    await form.getByLabel('Name').fill('taken');
    await form.getByRole('button', { name: 'Create' }).click();
    await form.getByRole('alert').filter({ hasText: /\w/ }).waitFor();
    assert.equal(await form.getByLabel('Name').inputValue(), 'taken');
    await close();
  });

  test('a token is made, its secret shown once and working, and it is revoked', async () => {
    const { page, close } = await house.open({ hash: '#/tokens' });
    const form = section(page, 'New token');
    await form.getByLabel('Name', { exact: true }).fill('build-server');
    await form.getByLabel('Scopes').fill('shortener:read, shortener:write');
    await form.getByRole('button', { name: 'Make token' }).click();
    const secret = await form.locator('.note-good code').textContent();
    const use = () =>
      fetch(`${house.backplane.edge}/shortener/users/me/shorturls`, {
        headers: { authorization: `Bearer ${secret}` },
      });
    assert.equal((await use()).status, 200);

    await page.reload();
    await page.getByRole('rowheader', { name: /^build-server/ }).waitFor();
    assert.ok(!(await page.content()).includes(secret), 'the secret is shown again');

    await page.getByRole('button', { name: 'Revoke build-server' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await page.getByRole('status').filter({ hasText: 'Revoked build-server' }).waitFor();
    assert.equal((await use()).status, 401);
    await close();
  });

  test('what was done stands in the audit log', async () => {
    const name = 'audited';
    await call(house.backplane.edge, '/platform/namespaces', { method: 'POST', json: { name } });
    const { page, close } = await house.open({ hash: '#/audit' });
    await page.getByRole('row', { name: /audited/ }).first().waitFor();
    await close();
  });

  test('the commands shown do what the buttons do', async () => {
    const { page, close } = await house.open({ hash: '#/namespaces' });
    await section(page, 'New namespace').getByLabel('Name').fill('by-command');
    await runShownCommand(section(page, 'New namespace'));
    const { items } = await runShownCommand(section(page, 'All namespaces'));
    assert.ok(items.some(({ name }) => name === 'by-command'));
    await close();
  });

  /** The console as it is in `serve`; everything but the mode comes from the real server. */
  const asServe = (page) =>
    page.route('**/platform/session', (route) => route.fulfill({ json: { mode: 'serve' } }));

  test('where no token is handed out, one is asked for and checked', async () => {
    const { page, close } = await house.open({ prepare: asServe });
    await page.getByRole('button', { name: 'Use a token instead' }).click();
    await page.getByLabel('Token').fill('not-a-token');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').filter({ hasText: /\w/ }).waitFor();

    await page.getByLabel('Token').fill('dev');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    assert.match(await page.locator('.command code').first().textContent(), /BACKPLANE_TOKEN/);

    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('heading', { name: 'Sign in to Backplane' }).waitFor();
    await close();
  });

  test('a wrong password is told in the server\'s words', async () => {
    const { page, close } = await house.open({ prepare: asServe });
    await page.getByLabel('User').fill('nobody');
    await page.getByLabel('Password').fill('wrong');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').filter({ hasText: /\w/ }).waitFor();
    assert.equal(await page.getByLabel('User').inputValue(), 'nobody');
    await close();
  });
});
