import type { Problem } from '../api/types';
import { Button } from './button';
import { Icon } from './icon';

interface ProblemNoteProps {
  problem: Problem | null;
  onRetry?: () => void;
}

/** What was refused and why, in the server's own words. */
export function ProblemNote({ problem, onRetry }: ProblemNoteProps) {
  if (problem === null) {
    return null;
  }
  return (
    <div className="note note-problem" role="alert">
      <Icon name="alert" />
      <div className="note-body">
        <strong>{problem.title}</strong>
        {problem.detail && problem.detail !== problem.title && <p>{problem.detail}</p>}
        {problem.requestId && (
          <p className="faint">
            Request <code>{problem.requestId}</code>
          </p>
        )}
      </div>
      {onRetry && <Button onClick={onRetry}>Retry</Button>}
    </div>
  );
}
