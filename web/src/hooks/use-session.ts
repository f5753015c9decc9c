import { useCallback, useEffect, useState } from 'react';
import { ApiClient, toProblem, type ClientEvents } from '../api/client';
import type { Problem, Session } from '../api/types';

const storageKey = 'backplane.token';

/** Where signing in has got to. */
export type SessionState =
  | { phase: 'starting' }
  | { phase: 'failed'; problem: Problem }
  | { phase: 'signed-out'; notice: string | null }
  | { phase: 'signed-in'; token: string; session: Session };

export interface SessionControl {
  state: SessionState;
  retry(): void;
  signIn(token: string): void;
  /** Forgets the token; in `dev` the page is at once signed in again. */
  signOut(notice: string | null): void;
}

const silent: ClientEvents = { onReachable: () => {}, onUnauthorized: () => {} };

/** Asks the server how to sign in; the token outlives a reload of the page, not its tab. */
export function useSession(): SessionControl {
  const [state, setState] = useState<SessionState>({ phase: 'starting' });
  const [round, setRound] = useState(0);
  const [session, setSession] = useState<Session>({ mode: 'serve' });

  useEffect(() => {
    const controller = new AbortController();
    const start = async () => {
      try {
        const answer = await new ApiClient(silent).session(controller.signal);
        setSession(answer);
        setState(initialState(answer));
      } catch (cause) {
        if (!controller.signal.aborted) {
          setState({ phase: 'failed', problem: toProblem(cause) });
        }
      }
    };
    void start();
    return () => controller.abort();
  }, [round]);

  const retry = useCallback(() => setRound((value) => value + 1), []);
  const signIn = (token: string) => {
    window.sessionStorage.setItem(storageKey, token);
    setState({ phase: 'signed-in', token, session });
  };
  const signOut = useCallback((notice: string | null) => {
    window.sessionStorage.removeItem(storageKey);
    setState({ phase: 'signed-out', notice });
    setRound((value) => value + (session.mode === 'dev' ? 1 : 0));
  }, [session.mode]);
  return { state, retry, signIn, signOut };
}

function initialState(session: Session): SessionState {
  const stored = window.sessionStorage.getItem(storageKey);
  const token = session.mode === 'dev' ? (session.token ?? stored) : stored;
  return token
    ? { phase: 'signed-in', token, session }
    : { phase: 'signed-out', notice: null };
}
