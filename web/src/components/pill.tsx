import type { ReactNode } from 'react';

export type PillTone = 'good' | 'bad' | 'warn' | 'calm';

/** A state in a word; the colour only repeats what the word says. */
export function Pill({ tone, children }: { tone: PillTone; children: ReactNode }) {
  return <span className={`pill pill-${tone}`}>{children}</span>;
}
