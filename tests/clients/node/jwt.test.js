/** The npm package `jose` as another issuer, with keys and tokens of its own making. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';

import * as jose from 'jose';

import { startShortener } from './support/backplane.js';

const rsa = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'];
const algorithms = [...rsa, 'ES256', 'ES384', 'EdDSA'];
const pairs = new Map();

let directory;
let server;

before(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'backplane-jwt-'));
  const keys = [];
  for (const alg of algorithms) {
    const pair = await jose.generateKeyPair(alg, { extractable: true });
    pairs.set(alg, pair);
    keys.push({ ...(await jose.exportJWK(pair.publicKey)), alg, kid: alg, use: 'sig' });
  }
  const keysPath = path.join(directory, 'keys.json');
  await writeFile(keysPath, JSON.stringify({ keys }));
  server = await startShortener([
    'auth.jwt.issuer=https://id.example',
    'auth.jwt.audience=backplane',
    `auth.jwt.keys_path=${keysPath}`,
    `auth.jwt.algorithms=${algorithms.join(',')}`,
    'auth.jwt.scopes=shortener:read',
  ]);
});

after(async () => {
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
});

function token() {
  return new jose.SignJWT({ scope: 'openid shortener:read' })
    .setIssuer('https://id.example')
    .setAudience('backplane')
    .setSubject('ann')
    .setIssuedAt()
    .setExpirationTime('5 minutes');
}

async function ask(text) {
  const links = new URL('/shortener/users/me/shorturls', server.edge);
  const answer = await fetch(links, { headers: { authorization: `Bearer ${text}` } });
  return { status: answer.status, detail: (await answer.json()).detail };
}

for (const alg of algorithms) {
  test(`a token signed by ${alg} is let in, and not with a bit of it changed`, async () => {
    const signed = await token()
      .setProtectedHeader({ alg, kid: alg })
      .sign(pairs.get(alg).privateKey);
    assert.deepEqual(await ask(signed), { status: 200, detail: undefined });
    const [header, payload, signature] = signed.split('.');
    const bytes = jose.base64url.decode(signature);
    bytes[bytes.length >> 1] ^= 1;
    const altered = `${header}.${payload}.${jose.base64url.encode(bytes)}`;
    const { status, detail } = await ask(altered);
    assert.equal(status, 401);
    assert.match(detail, /signature/);
  });
}

test('a token without a signature, and one by HMAC with a public key, are refused', async () => {
  const unsecured = new jose.UnsecuredJWT({ scope: 'shortener:read' })
    .setIssuer('https://id.example')
    .setAudience('backplane')
    .setSubject('ann')
    .setExpirationTime('5 minutes')
    .encode();
  const published = await jose.exportSPKI(pairs.get('RS256').publicKey);
  const forged = await token()
    .setProtectedHeader({ alg: 'HS256', kid: 'RS256' })
    .sign(new TextEncoder().encode(published));
  for (const text of [unsecured, forged]) {
    const { status, detail } = await ask(text);
    assert.equal(status, 401);
    assert.match(detail, /algorithm/);
  }
});
