/** What every page is given: the API, who is signed in, and how to speak to the reader. */
import { createContext, useContext } from 'react';
import type { ApiClient } from './api/client';
import type { Caller } from './lib/command';

export interface Console {
  api: ApiClient;
  caller: Caller;
  mode: 'dev' | 'serve';
  /** The namespace that the credential names; null where the server did not say. */
  namespace: string | null;
  version: string | null;
  /** False from the first call that nothing answered until the next that something did. */
  reachable: boolean;
  /** Grows each time the server comes back: what was loaded before is to be loaded anew. */
  epoch: number;
  /** Says a result in a line at the foot of the page, aloud to a screen reader. */
  announce(message: string): void;
  signOut(): void;
}

export const ConsoleContext = createContext<Console | null>(null);

/** The console that surrounds a component; every page is drawn inside one. */
export function useConsole(): Console {
  const value = useContext(ConsoleContext);
  if (value === null) {
    throw new Error('useConsole outside of ConsoleContext');
  }
  return value;
}
