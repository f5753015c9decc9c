import { useCallback, useEffect, useMemo, useState } from 'react';
import { ApiClient } from './api/client';
import type { Session } from './api/types';
import { ErrorBoundary } from './components/error-boundary';
import { Shell } from './components/shell';
import { Toast } from './components/toast';
import { ConsoleContext, type Console } from './console';
import { useRoute } from './hooks/use-route';
import type { Route } from './lib/route';
import { AuditPage } from './pages/audit/audit-page';
import { IdsPage } from './pages/ids/ids-page';
import { LimitsPage } from './pages/limits/limits-page';
import { LinkPage } from './pages/link/link-page';
import { LinksPage } from './pages/links/links-page';
import { TransferPage } from './pages/links/transfer-page';
import { NamespacesPage } from './pages/namespaces/namespaces-page';
import { OverviewPage } from './pages/overview/overview-page';
import { TokensPage } from './pages/tokens/tokens-page';
import { UnknownPage } from './pages/unknown-page';

interface SignedInProps {
  token: string;
  session: Session;
  onSignOut: (notice: string | null) => void;
}

/** How long a result stays to be read. */
const toastMs = 6_000;

export function SignedIn({ token, session, onSignOut }: SignedInProps) {
  const route = useRoute();
  const [message, announce] = useState('');
  const { reachable, epoch, onReachable } = useConnection();

  useEffect(() => {
    const timer = window.setTimeout(() => announce(''), toastMs);
    return () => window.clearTimeout(timer);
  }, [message]);

  const api = useMemo(() => {
    const onUnauthorized = () => onSignOut('Your session has ended. Sign in again.');
    return new ApiClient({ onReachable, onUnauthorized }, token);
  }, [onReachable, onSignOut, token]);

  const value: Console = {
    api,
    caller: {
      origin: window.location.origin,
      devToken: session.mode === 'dev' ? token : null,
    },
    mode: session.mode,
    namespace: session.namespace ?? null,
    version: session.version ?? null,
    reachable,
    epoch,
    announce,
    signOut: () => onSignOut(null),
  };
  return (
    <ConsoleContext value={value}>
      <Shell route={route}>
        <ErrorBoundary key={JSON.stringify(route)}>
          <PageOf route={route} />
        </ErrorBoundary>
      </Shell>
      <Toast message={message} />
    </ConsoleContext>
  );
}

function PageOf({ route }: { route: Route }) {
  switch (route.page) {
    case 'overview':
      return <OverviewPage />;
    case 'links':
      return <LinksPage />;
    case 'transfer':
      return <TransferPage />;
    case 'link':
      return <LinkPage name={route.link} />;
    case 'ids':
      return <IdsPage />;
    case 'limits':
      return <LimitsPage />;
    case 'namespaces':
      return <NamespacesPage />;
    case 'tokens':
      return <TokensPage />;
    case 'audit':
      return <AuditPage />;
    case 'unknown':
      return <UnknownPage />;
  }
}

/** Whether the server answers; its epoch grows with each return. */
function useConnection() {
  const [state, setState] = useState({ reachable: true, epoch: 0 });
  const onReachable = useCallback((reachable: boolean) => {
    setState((old) => {
      if (old.reachable === reachable) {
        return old;
      }
      return { reachable, epoch: reachable ? old.epoch + 1 : old.epoch };
    });
  }, []);
  return { ...state, onReachable };
}
