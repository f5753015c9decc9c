import { useEffect, useState } from 'react';
import { toProblem } from '../api/client';
import type { Page, Problem } from '../api/types';
import { useResource } from './use-resource';

/** A list read page by page, as far as the reader has asked for it. */
export interface Pages<T> {
  /** Null until the first page is there. */
  items: T[] | null;
  problem: Problem | null;
  loading: boolean;
  hasMore: boolean;
  loadMore(): void;
  reload(): void;
}

interface More<T> {
  key: string;
  items: T[];
  cursor: string | null;
}

/** Reads the list that `key` names; a reload goes back to its first page. */
export function usePages<T>(
  key: string,
  load: (cursor: string | undefined, signal?: AbortSignal) => Promise<Page<T>>,
): Pages<T> {
  const first = useResource(key, (signal) => load(undefined, signal));
  const [more, setMore] = useState<More<T> | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    setMore(null);
    setProblem(null);
  }, [first.data]);

  const extra = more?.key === key ? more : null;
  const cursor = extra ? extra.cursor : (first.data?.nextCursor ?? null);
  const loadMore = async () => {
    if (cursor === null || busy) {
      return;
    }
    setBusy(true);
    try {
      const page = await load(cursor);
      const items = [...(extra?.items ?? []), ...page.items];
      setMore({ key, items, cursor: page.nextCursor ?? null });
      setProblem(null);
    } catch (cause) {
      setProblem(toProblem(cause));
    }
    setBusy(false);
  };

  return {
    items: first.data ? [...first.data.items, ...(extra?.items ?? [])] : null,
    problem: first.problem ?? problem,
    loading: first.loading || busy,
    hasMore: cursor !== null,
    loadMore: () => void loadMore(),
    reload: first.reload,
  };
}
