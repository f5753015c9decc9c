import { useCallback, useEffect, useRef, useState } from 'react';
import { toProblem } from '../api/client';
import type { Problem } from '../api/types';
import { useConsole } from '../console';

/** Something loaded: what is known of it, and what went wrong the last time it was asked for. */
export interface Resource<T> {
  data: T | null;
  problem: Problem | null;
  loading: boolean;
  reload(): void;
}

interface State<T> {
  key: string;
  data: T | null;
  problem: Problem | null;
}

interface Options<T> {
  /** Zero, the default, loads once. */
  pollMs?: number;
  /** Called with every answer, for what is derived from many of them. */
  onData?(data: T): void;
}

/**
 * Loads what `key` names, again on `reload`, on every poll and when the server comes back. An
 * answer is kept until a better one arrives: a failure never clears it, only another key does.
 */
export function useResource<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  options: Options<T> = {},
): Resource<T> {
  const { epoch } = useConsole();
  const [state, setState] = useState<State<T>>({ key, data: null, problem: null });
  const [loading, setLoading] = useState(true);
  const [round, setRound] = useState(0);
  const latest = useRef({ load, options });
  latest.current = { load, options };
  const pollMs = options.pollMs ?? 0;

  useEffect(() => {
    const controller = new AbortController();
    let timer = 0;
    const run = async () => {
      if (!document.hidden || pollMs === 0) {
        await once(controller.signal);
      }
      if (pollMs > 0 && !controller.signal.aborted) {
        timer = window.setTimeout(run, pollMs);
      }
    };
    const once = async (signal: AbortSignal) => {
      setLoading(true);
      try {
        const data = await latest.current.load(signal);
        if (!signal.aborted) {
          setState({ key, data, problem: null });
          latest.current.options.onData?.(data);
        }
      } catch (cause) {
        if (!signal.aborted) {
          setState((old) => ({
            key,
            data: old.key === key ? old.data : null,
            problem: toProblem(cause),
          }));
        }
      }
      if (!signal.aborted) {
        setLoading(false);
      }
    };
    void run();
    return () => {
      controller.abort();
      window.clearTimeout(timer);
    };
  }, [key, pollMs, epoch, round]);

  const reload = useCallback(() => setRound((value) => value + 1), []);
  const current = state.key === key;
  return {
    data: current ? state.data : null,
    problem: current ? state.problem : null,
    loading,
    reload,
  };
}
