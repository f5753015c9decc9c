/** Runs a command that the console shows, as a reader who pasted it would. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The answer of the command shown in `region`, decoded if it is JSON. */
export async function runShownCommand(region, cwd) {
  const text = await region.locator('.command code').first().textContent();
  const { stdout } = await run('sh', ['-c', text], { cwd, timeout: 10_000 });
  try {
    return JSON.parse(stdout);
  } catch {
    return stdout;
  }
}
