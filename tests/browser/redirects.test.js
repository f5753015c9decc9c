/**
 * What a real browser does with the kinds of redirects: it keeps a permanent one where the
 * deployment lets it, and comes back for each visit otherwise.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { call, createLink } from './support/api.js';
import { startBackplane } from './support/backplane.js';
import { startBrowser } from './support/browser.js';

const countedTimeoutMs = 10_000;

describe('redirects', () => {
  let kept;
  let asked;
  let browser;

  before(async () => {
    kept = await startBackplane('shortener.cache_permanent_redirects=true');
    asked = await startBackplane();
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.stop();
    await kept?.stop();
    await asked?.stop();
  });

  const make = (backplane, redirect) =>
    createLink(backplane.edge, {
      longUrl: `http://www.example.com/by-${redirect}`,
      alias: `by-${redirect}`,
      redirect,
    });

  /** Opens the link as people do, in a tab of its own. */
  async function visit(context, backplane, redirect) {
    const page = await context.newPage();
    await page.goto(`${backplane.edge}/by-${redirect}`);
    assert.equal(page.url(), `http://www.example.com/by-${redirect}`);
    await page.getByText(`You are at /by-${redirect}`).waitFor();
    await page.close();
  }

  const clicks = async (backplane, redirect) =>
    (await call(backplane.edge, `/shortener/shorturls/by-${redirect}/stats`)).people;

  /** Clicks are written in the order they came, so what came before `redirect`'s is there too. */
  async function untilCounted(backplane, redirect, wanted) {
    const deadline = Date.now() + countedTimeoutMs;
    while ((await clicks(backplane, redirect)) < wanted && Date.now() < deadline) {
      await sleep(50);
    }
    assert.equal(await clicks(backplane, redirect), wanted);
  }

  async function visitTwice(backplane, redirects) {
    const { context, close } = await browser.open(backplane.edge);
    for (const redirect of redirects) {
      await make(backplane, redirect);
      await visit(context, backplane, redirect);
      await visit(context, backplane, redirect);
    }
    await close();
  }

  test('a permanent redirect that may be kept is asked for once', async () => {
    await visitTwice(kept, [301, 308, 302, 307]);
    await untilCounted(kept, 307, 2);
    await untilCounted(kept, 302, 2);
    assert.equal(await clicks(kept, 301), 1);
    assert.equal(await clicks(kept, 308), 1);
  });

  test('unless the deployment counts each visit', async () => {
    await visitTwice(asked, [301, 302]);
    await untilCounted(asked, 302, 2);
    await untilCounted(asked, 301, 2);
  });
});
