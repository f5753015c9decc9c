import { useCallback, useEffect, useState } from 'react';
import { useConsole } from '../console';
import { Button } from './button';
import { Icon } from './icon';

const probeMs = 2_000;

/** Told while the server does not answer; asks again by itself and at the reader's wish. */
export function ConnectionBanner() {
  const { api, reachable } = useConsole();
  const [asking, setAsking] = useState(false);

  const probe = useCallback(async () => {
    setAsking(true);
    // The answer, either way, reaches the page through the client's events.
    await api.session().catch(() => undefined);
    setAsking(false);
  }, [api]);

  useEffect(() => {
    if (reachable) {
      return undefined;
    }
    const timer = window.setInterval(() => void probe(), probeMs);
    return () => window.clearInterval(timer);
  }, [reachable, probe]);

  return (
    <div role="alert">
      {!reachable && (
        <div className="banner">
          <Icon name="alert" />
          <p>
            <strong>Backplane does not answer.</strong> What you see is from before. Check that
            the server is running; this page goes on by itself when it is back.
          </p>
          <Button busy={asking} onClick={() => void probe()}>Retry</Button>
        </div>
      )}
    </div>
  );
}
