import { expect, test } from 'vitest';
import type { Overview } from '../src/api/types';
import { allSystems, historyCapacity, record, type History } from '../src/lib/history';

function reading(rates: Record<string, number>): Overview {
  return {
    version: '0.1.0',
    mode: 'dev',
    uptimeSeconds: 1,
    namespaces: 1,
    process: { rssBytes: 1, cpuSeconds: 1, threads: 1 },
    systems: Object.entries(rates).map(([name, requestsPerSecond]) => ({
      name,
      state: 'ready',
      doors: [],
      requestsPerSecond,
      errorsPerSecond: 0,
      requestsTotal: 0,
      errorsTotal: 0,
    })),
  };
}

test('each system and their sum have a series, and a system that is gone has none', () => {
  let history = record({}, reading({ shortener: 1, queue: 2 }));
  history = record(history, reading({ shortener: 4 }));
  expect(history).toEqual({ shortener: [1, 4], [allSystems]: [3, 4] });
});

test('two minutes are kept, the newest last', () => {
  let history: History = {};
  for (let rate = 0; rate < historyCapacity + 5; rate += 1) {
    history = record(history, reading({ shortener: rate }));
  }
  expect(history['shortener']).toHaveLength(historyCapacity);
  expect(history['shortener']?.at(-1)).toBe(historyCapacity + 4);
});
