/** The npm package `openid-client`, against our own OAuth 2.0 server. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import * as oauth from 'openid-client';

import { startShortener } from './support/backplane.js';

// As an app on a desktop registers it; the port is known only when it listens.
const callback = 'http://127.0.0.1/callback';
const device = 'urn:ietf:params:oauth:grant-type:device_code';
const password = 'correct horse battery staple';

let server;

before(async () => {
  server = await startShortener();
  await operate('/platform/users', { name: 'alice', password, roles: ['editor'] });
});

after(() => server.stop());

/** Does what only an operator may. */
async function operate(path, body) {
  const answer = await fetch(server.edge + path, {
    method: 'POST',
    headers: { authorization: 'Bearer dev', 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  assert.equal(answer.status, 201, await answer.clone().text());
  return answer.json();
}

/** A registered client as the package wants it: from the server's own description. */
async function register(request) {
  const made = await operate('/platform/oauth/clients', {
    name: 'An app',
    scopes: ['shortener:read', 'shortener:write'],
    ...request,
  });
  const show = made.secret ? oauth.ClientSecretBasic(made.secret) : oauth.None();
  const plain = { algorithm: 'oauth2', execute: [oauth.allowInsecureRequests] };
  return oauth.discovery(new URL(server.edge), made.id, undefined, show, plain);
}

/** Fills in the page at `url` as alice would; answers what the server answers. */
async function fillIn(url) {
  const page = await (await fetch(url)).text();
  const action = /<form method="post" action="([^"]+)"/.exec(page)[1];
  const form = new URLSearchParams({ user: 'alice', password, decision: 'allow' });
  for (const [, name, value] of page.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)) {
    form.append(name, value.replaceAll('&quot;', '"').replaceAll('&amp;', '&'));
  }
  return fetch(new URL(action, url), { method: 'POST', body: form, redirect: 'manual' });
}

/** Walks through an authorization; answers the address that alice's browser is sent to. */
async function authorize(client, checks) {
  const url = oauth.buildAuthorizationUrl(client, {
    redirect_uri: 'http://127.0.0.1:49152/callback',
    scope: 'shortener:read',
    state: checks.expectedState,
    code_challenge: await oauth.calculatePKCECodeChallenge(checks.pkceCodeVerifier),
    code_challenge_method: 'S256',
  });
  const answer = await fillIn(url);
  assert.equal(answer.status, 303);
  return new URL(answer.headers.get('location'));
}

function fresh() {
  return {
    pkceCodeVerifier: oauth.randomPKCECodeVerifier(),
    expectedState: oauth.randomState(),
  };
}

async function status(token) {
  const links = new URL('/shortener/users/me/shorturls', server.edge);
  return (await fetch(links, { headers: { authorization: `Bearer ${token}` } })).status;
}

for (const isPublic of [false, true]) {
  const kind = isPublic ? 'public' : 'confidential';

  test(`a ${kind} client gets a token by code and PKCE, and refreshes it`, async () => {
    const client = await register({
      redirectUris: [callback],
      grants: ['authorization_code', 'refresh_token'],
      public: isPublic,
    });
    const checks = fresh();
    const sentTo = await authorize(client, checks);
    const tokens = await oauth.authorizationCodeGrant(client, sentTo, checks);
    assert.equal(tokens.scope, 'shortener:read');
    assert.equal(await status(tokens.access_token), 200);
    const next = await oauth.refreshTokenGrant(client, tokens.refresh_token);
    assert.notEqual(next.refresh_token, tokens.refresh_token);
    assert.equal(await status(next.access_token), 200);
    await oauth.tokenRevocation(client, next.refresh_token);
    assert.equal(await status(next.access_token), 401);
    const refused = oauth.refreshTokenGrant(client, next.refresh_token);
    await assert.rejects(refused, { error: 'invalid_grant', status: 400 });
  });
}

test('a wrong verifier and a reused code are refused', async () => {
  const client = await register({ redirectUris: [callback], grants: ['authorization_code'] });
  const checks = fresh();
  const sentTo = await authorize(client, checks);
  const redeem = (with_) => oauth.authorizationCodeGrant(client, sentTo, with_);
  const guessed = { ...checks, pkceCodeVerifier: oauth.randomPKCECodeVerifier() };
  await assert.rejects(redeem(guessed), { error: 'invalid_grant' });
  const { access_token: token } = await redeem(checks);
  await assert.rejects(redeem(checks), { error: 'invalid_grant' });
  assert.equal(await status(token), 401);
});

test('a client has a token of its own, looks at it and takes it back', async () => {
  const client = await register({ grants: ['client_credentials'] });
  const tokens = await oauth.clientCredentialsGrant(client, { scope: 'shortener:read' });
  const told = await oauth.tokenIntrospection(client, tokens.access_token);
  assert.deepEqual([told.active, told.scope], [true, 'shortener:read']);
  await oauth.tokenRevocation(client, tokens.access_token);
  assert.equal((await oauth.tokenIntrospection(client, tokens.access_token)).active, false);
  await assert.rejects(oauth.clientCredentialsGrant(client, { scope: '*' }), {
    error: 'invalid_scope',
  });
});

test('a device gets a token once its person has said yes', async () => {
  const client = await register({ grants: [device], public: true });
  const start = await oauth.initiateDeviceAuthorization(client, { scope: 'shortener:read' });
  assert.match(start.user_code, /^[A-Z]{4}-[A-Z]{4}$/);
  const done = await fillIn(start.verification_uri_complete);
  assert.equal(done.status, 200);
  const tokens = await oauth.pollDeviceAuthorizationGrant(client, start);
  assert.equal(await status(tokens.access_token), 200);
});
