/** A real Chromium with a fresh profile, and a page that remembers what went wrong in it. */
import { chromium } from 'playwright-core';
import { startTarget, targetHost } from './target.js';

const executablePath = process.env.CHROMIUM_BIN ?? '/usr/bin/chromium';

const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A browser of people, not of tests: a headless one would be counted as a bot. */
const userAgent =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) ' +
  'Chrome/140.0.0.0 Safari/537.36';

/** No network but this machine; the name of the target site leads to the local stand-in. */
export async function startBrowser() {
  const target = await startTarget();
  const rules = `MAP ${targetHost} 127.0.0.1:${target.port}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`;
  const browser = await chromium.launch({
    executablePath,
    args: [...flags, `--host-resolver-rules=${rules}`],
  });
  const stop = async () => {
    await browser.close();
    target.stop();
  };
  return { open: (edge, options) => openPage(browser, edge, options), stop };
}

/**
 * A page in a context of its own, at the console's start. `faults` collects uncaught errors,
 * breaches of the content policy, and requests that left the server's origin.
 */
async function openPage(browser, edge, options = {}) {
  const { hash = '#/', prepare, ...contextOptions } = options;
  const context = await browser.newContext({
    userAgent,
    viewport: { width: 1280, height: 900 },
    permissions: ['clipboard-read', 'clipboard-write'],
    acceptDownloads: true,
    ...contextOptions,
  });
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  const faults = [];
  page.on('pageerror', (error) => faults.push(`uncaught: ${error.message}`));
  page.on('console', (message) => {
    if (/content security policy/i.test(message.text())) {
      faults.push(message.text());
    }
  });
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith('http') && url.origin !== new URL(edge).origin) {
      faults.push(`left the origin: ${url}`);
    }
  });
  await prepare?.(page);
  await page.goto(`${edge}/${hash}`);
  return { page, context, faults, close: () => context.close() };
}
