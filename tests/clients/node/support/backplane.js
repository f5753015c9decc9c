/** Starts the real server the way a user does and waits for its ready file. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const startTimeoutMs = 20_000;

/** `backplane dev`: `edge`, `systems`, and `http` for the shortener alone; `stop` ends it. */
export async function startShortener(settings = []) {
  const directory = await mkdtemp(path.join(tmpdir(), 'backplane-clients-'));
  const readyFile = path.join(directory, 'ready.json');
  const own = ['shortener.listen=127.0.0.1:0', ...settings].flatMap((set) => ['--set', set]);
  const child = spawn(
    process.env.BACKPLANE_BIN,
    ['dev', '--ports', 'auto', ...own, '--ready-file', readyFile],
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
      const { edge, systems } = ready;
      return { edge, systems, http: systems.shortener.http, stop };
    } catch {
      await sleep(20);
    }
  }
  await stop();
  throw new Error('backplane dev did not become ready');
}

/** Asks again until the answer is what was wished for, as clicks are a moment later. */
export async function until(ask, isRight, limitMs = 5_000) {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (isRight(answer) || Date.now() > deadline) {
      return answer;
    }
    await sleep(50);
  }
}

/** Opens a short URL as a visitor with a browser; answers where it leads. */
export async function visit(url) {
  const agent = 'Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0';
  const headers = { 'User-Agent': agent, Referer: 'https://news.example/story' };
  const answer = await fetch(url, { redirect: 'manual', headers });
  return answer.headers.get('location');
}
