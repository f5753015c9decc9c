import { SignedIn } from './signed-in';
import { useSession } from './hooks/use-session';
import { SignInPage } from './pages/sign-in/sign-in-page';
import { StartFailure } from './pages/sign-in/start-failure';

/** Signs in, or asks the reader to; then shows the console. */
export function App() {
  const control = useSession();
  const { state } = control;
  switch (state.phase) {
    case 'starting':
      return <p className="loading start">Loading…</p>;
    case 'failed':
      return <StartFailure problem={state.problem} onRetry={control.retry} />;
    case 'signed-out':
      return <SignInPage notice={state.notice} onToken={control.signIn} />;
    case 'signed-in':
      return (
        <SignedIn
          key={state.token}
          token={state.token}
          session={state.session}
          onSignOut={control.signOut}
        />
      );
  }
}
