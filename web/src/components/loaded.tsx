import type { ReactNode } from 'react';
import { isUnreachable } from '../api/client';
import type { Problem } from '../api/types';
import { ProblemNote } from './problem-note';

interface LoadedProps<T> {
  data: T | null;
  problem: Problem | null;
  onRetry: () => void;
  children: (data: T) => ReactNode;
}

/**
 * What was loaded, under the problem of the last attempt if there was one. A server that does not
 * answer is told by the banner; here it is only told where there is nothing else to show.
 */
export function Loaded<T>({ data, problem, onRetry, children }: LoadedProps<T>) {
  const silent = data !== null && problem !== null && isUnreachable(problem);
  return (
    <>
      {!silent && <ProblemNote problem={problem} onRetry={onRetry} />}
      {data !== null && children(data)}
      {data === null && problem === null && <p className="loading">Loading…</p>}
    </>
  );
}
