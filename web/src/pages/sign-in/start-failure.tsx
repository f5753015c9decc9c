import { useEffect } from 'react';
import type { Problem } from '../../api/types';
import { ProblemNote } from '../../components/problem-note';

const retryMs = 3_000;

/** The server did not say how to sign in: nothing can be shown yet, so it is asked again. */
export function StartFailure({ problem, onRetry }: { problem: Problem; onRetry: () => void }) {
  useEffect(() => {
    const timer = window.setInterval(onRetry, retryMs);
    return () => window.clearInterval(timer);
  }, [onRetry]);
  return (
    <main className="gate">
      <h1 className="visually-hidden">Backplane</h1>
      <ProblemNote problem={problem} onRetry={onRetry} />
    </main>
  );
}
