import { Component, type ReactNode } from 'react';
import { toProblem } from '../api/client';
import type { Problem } from '../api/types';
import { ProblemNote } from './problem-note';

interface State {
  problem: Problem | null;
}

/** Where a fault of the console itself ends: told, with a way on, never a blank page. */
export class ErrorBoundary extends Component<{ children: ReactNode }, State> {
  override state: State = { problem: null };

  static getDerivedStateFromError(cause: unknown): State {
    return { problem: toProblem(cause) };
  }

  override render(): ReactNode {
    const { problem } = this.state;
    if (problem === null) {
      return this.props.children;
    }
    return (
      <div className="card">
        <ProblemNote problem={problem} onRetry={() => this.setState({ problem: null })} />
      </div>
    );
  }
}
