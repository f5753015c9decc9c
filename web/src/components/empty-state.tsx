import type { ReactNode } from 'react';

/** A list with nothing in it, and what to do about that. */
export function EmptyState({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      <div className="faint">{children}</div>
    </div>
  );
}
