/** The pages on which a person allows a program something: read, used, and left the right way. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { call } from './support/api.js';
import { breaches } from './support/axe.js';
import { startBackplane } from './support/backplane.js';
import { startBrowser } from './support/browser.js';

const password = 'correct horse battery staple';
const device = 'urn:ietf:params:oauth:grant-type:device_code';

describe('consent', () => {
  let backplane;
  let browser;
  let app;
  let client;

  before(async () => {
    backplane = await startBackplane();
    browser = await startBrowser();
    app = createServer((_, answer) => answer.end('back at the app'));
    app.listen(0, '127.0.0.1');
    await once(app, 'listening');
    const alice = { name: 'alice', password, roles: ['reader'] };
    await call(backplane.edge, '/platform/users', { method: 'POST', json: alice });
    const json = {
      name: 'An app',
      redirectUris: ['http://127.0.0.1/callback'],
      grants: ['authorization_code', device],
      scopes: ['shortener:read'],
      public: true,
    };
    client = await call(backplane.edge, '/platform/oauth/clients', { method: 'POST', json });
  });
  after(async () => {
    app?.close();
    await browser?.stop();
    await backplane?.stop();
  });

  function authorization() {
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: client.id,
      redirect_uri: `http://127.0.0.1:${app.address().port}/callback`,
      state: 'as it came',
      code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
      code_challenge_method: 'S256',
    });
    return `${backplane.edge}/oauth/authorize?${query}`;
  }

  async function show(url, options) {
    const opened = await browser.open(backplane.edge, options);
    await opened.page.goto(url);
    await opened.page.getByRole('heading', { level: 1 }).waitFor();
    return opened;
  }

  async function signIn(page, typed) {
    await page.getByLabel('User name').fill('alice');
    await page.getByLabel('Password').fill(typed);
    await page.getByRole('button', { name: 'Allow', exact: true }).click();
  }

  for (const colorScheme of ['light', 'dark']) {
    test(`the pages are accessible in ${colorScheme}`, async () => {
      for (const url of [authorization(), `${backplane.edge}/oauth/device`]) {
        const { page, faults, close } = await show(url, { colorScheme });
        assert.deepEqual(await breaches(page), []);
        assert.deepEqual(faults, []);
        await close();
      }
    });
  }

  test('a wrong password is told, and the right one leads back to the app', async () => {
    const { page, faults, close } = await show(authorization());
    await signIn(page, 'wrong password');
    await page.getByRole('alert').waitFor();
    assert.deepEqual(await breaches(page), []);
    await signIn(page, password);
    await page.getByText('back at the app').waitFor();
    const { searchParams } = new URL(page.url());
    assert.match(searchParams.get('code'), /^bpc_/);
    assert.equal(searchParams.get('state'), 'as it came');
    assert.deepEqual(faults.filter((fault) => !fault.startsWith('left the origin')), []);
    await close();
  });

  test('who does not allow it leads back without a code', async () => {
    const { page, close } = await show(authorization());
    await page.getByRole('button', { name: 'Do not allow' }).click();
    await page.getByText('back at the app').waitFor();
    assert.equal(new URL(page.url()).searchParams.get('error'), 'access_denied');
    await close();
  });

  test('a device is connected by its code', async () => {
    const asked = await fetch(`${backplane.edge}/oauth/device_authorization`, {
      method: 'POST',
      body: new URLSearchParams({ client_id: client.id }),
    });
    const start = await asked.json();
    const { page, faults, close } = await show(start.verification_uri);
    await page.getByLabel('Code').fill(start.user_code.toLowerCase());
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByText('An app').waitFor();
    assert.deepEqual(await breaches(page), []);
    await signIn(page, password);
    await page.getByText('The device may go on').waitFor();
    assert.deepEqual(faults, []);
    await close();
  });
});
