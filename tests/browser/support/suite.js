/** What a suite needs before its first test and gives back after its last. */
import { after, before } from 'node:test';
import { startBackplane } from './backplane.js';
import { startBrowser } from './browser.js';

/** A server of the suite's own and a browser to open it in; both are there for its first test. */
export function suite() {
  let browser;
  const house = {
    backplane: undefined,
    /** Opens the console as `browser.open` does. */
    open: (options) => browser.open(house.backplane.edge, options),
  };
  before(async () => {
    house.backplane = await startBackplane();
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.stop();
    await house.backplane?.stop();
  });
  return house;
}
