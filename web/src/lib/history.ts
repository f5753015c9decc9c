/** The last two minutes of each system's figures, kept by the page and nowhere else. */
import type { Overview } from '../api/types';

/** Two minutes at one reading every two seconds. */
export const historyCapacity = 60;

/** Requests per second by system name, oldest first, at most `historyCapacity` each. */
export type History = Readonly<Record<string, readonly number[]>>;

/** The name under which the sum of all systems is kept; no system may have it. */
export const allSystems = '*';

/** Adds one reading; a system that is gone is forgotten. */
export function record(history: History, overview: Overview): History {
  const next: Record<string, readonly number[]> = {};
  let sum = 0;
  for (const system of overview.systems) {
    sum += system.requestsPerSecond;
    next[system.name] = push(history[system.name], system.requestsPerSecond);
  }
  next[allSystems] = push(history[allSystems], sum);
  return next;
}

function push(series: readonly number[] | undefined, value: number): readonly number[] {
  return [...(series ?? []), value].slice(-historyCapacity);
}
