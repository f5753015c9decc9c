/** The broker that BACKPLANE_KAFKA names, else one that is started the way a user does. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const startTimeoutMs = 20_000;

/** `address` of the broker, and `stop` to end it. */
export async function startBroker() {
  if (process.env.BACKPLANE_KAFKA) {
    return { address: process.env.BACKPLANE_KAFKA, stop: async () => {} };
  }
  const directory = await mkdtemp(path.join(tmpdir(), 'backplane-queue-'));
  const readyFile = path.join(directory, 'ready.json');
  const child = spawn(
    process.env.BACKPLANE_BIN,
    [
      'dev', '--only', 'queue', '--ports', 'auto', '--ready-file', readyFile,
      '--data', path.join(directory, 'data'),
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    await rm(directory, { recursive: true, force: true });
  };
  const deadline = Date.now() + startTimeoutMs;
  while (Date.now() < deadline && child.exitCode === null) {
    try {
      const ready = JSON.parse(await readFile(readyFile, 'utf8'));
      return { address: ready.systems.queue.kafka, stop };
    } catch {
      await sleep(20);
    }
  }
  await stop();
  throw new Error('backplane dev did not become ready');
}

/** A name that nobody has used. */
export function name() {
  return `t.${randomUUID().slice(0, 13)}`;
}

/** Waits for what becomes true a moment later; answers whether it did. */
export async function until(isTrue, limitMs = 15_000) {
  const deadline = Date.now() + limitMs;
  while (Date.now() < deadline) {
    if (await isTrue()) {
      return true;
    }
    await sleep(50);
  }
  return Boolean(await isTrue());
}
