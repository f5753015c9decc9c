import { useState } from 'react';
import { toProblem } from '../api/client';
import type { Problem } from '../api/types';

/** A deed of the reader's: whether it is under way and why the last one was refused. */
export interface Action {
  busy: boolean;
  problem: Problem | null;
  /** Does it unless it is being done; true when it succeeded. */
  run(deed: () => Promise<void>): Promise<boolean>;
  clear(): void;
}

export function useAction(): Action {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);

  const run = async (deed: () => Promise<void>): Promise<boolean> => {
    if (busy) {
      return false;
    }
    setBusy(true);
    setProblem(null);
    try {
      await deed();
      return true;
    } catch (cause) {
      setProblem(toProblem(cause));
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, problem, run, clear: () => setProblem(null) };
}
