/** Starts the real server the way a user does and waits for its ready file. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const startTimeoutMs = 20_000;

/**
 * `backplane dev` on ports of its own, with a temporary data directory and `settings` such as
 * `shortener.redirect=301`. Answers its edge address and two ways to end it: `stop` as an operator would,
 * `kill` as a crash would.
 */
export async function startBackplane(...settings) {
  const binary = process.env.BACKPLANE_BIN;
  if (!binary) {
    throw new Error('BACKPLANE_BIN must name the backplane binary');
  }
  const directory = await mkdtemp(path.join(tmpdir(), 'backplane-browser-'));
  const readyFile = path.join(directory, 'ready.json');
  const flags = settings.flatMap((setting) => ['--set', setting]);
  const child = spawn(binary, ['dev', '--ports', 'auto', '--ready-file', readyFile, ...flags], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const complaints = [];
  child.stderr.on('data', (chunk) => complaints.push(chunk));

  const end = async (signal) => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal);
      await once(child, 'exit');
    }
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const { edge } = await readyContents(readyFile, child);
    return { edge, stop: () => end('SIGTERM'), kill: () => end('SIGKILL') };
  } catch (cause) {
    await end('SIGKILL');
    throw new Error(`${cause.message}\n${Buffer.concat(complaints)}`);
  }
}

async function readyContents(readyFile, child) {
  const deadline = Date.now() + startTimeoutMs;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) {
      throw new Error(`backplane dev ended with status ${child.exitCode}`);
    }
    try {
      return JSON.parse(await readFile(readyFile, 'utf8'));
    } catch {
      await sleep(20);
    }
  }
  throw new Error(`backplane dev was not ready within ${startTimeoutMs} ms`);
}
