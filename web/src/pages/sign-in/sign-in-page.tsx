import { useMemo, useState, type FormEvent } from 'react';
import { ApiClient } from '../../api/client';
import { Button } from '../../components/button';
import { Field } from '../../components/field';
import { Mark } from '../../components/mark';
import { ProblemNote } from '../../components/problem-note';
import { useAction } from '../../hooks/use-action';

interface SignInPageProps {
  notice: string | null;
  onToken: (token: string) => void;
}

export function SignInPage({ notice, onToken }: SignInPageProps) {
  const [way, setWay] = useState<'password' | 'token'>('password');
  return (
    <main className="gate">
      <div className="card">
        <div className="brand">
          <Mark />
          <h1>Sign in to Backplane</h1>
        </div>
        {notice && <p className="note" role="status">{notice}</p>}
        {way === 'password' ? <PasswordForm onToken={onToken} /> : <TokenForm onToken={onToken} />}
        <Button kind="quiet" onClick={() => setWay(way === 'password' ? 'token' : 'password')}>
          {way === 'password' ? 'Use a token instead' : 'Use a user and password instead'}
        </Button>
      </div>
    </main>
  );
}

function PasswordForm({ onToken }: { onToken: (token: string) => void }) {
  const api = useMemo(anonymous, []);
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const action = useAction();

  const submit = (event: FormEvent) => {
    event.preventDefault();
    void action.run(async () => onToken((await api.login(user, password)).token));
  };
  return (
    <form className="form" onSubmit={submit}>
      <Field label="User" value={user} onValue={setUser} autoComplete="username" required />
      <Field
        label="Password"
        type="password"
        value={password}
        onValue={setPassword}
        autoComplete="current-password"
        required
      />
      <ProblemNote problem={action.problem} />
      <Button kind="primary" type="submit" busy={action.busy}>Sign in</Button>
    </form>
  );
}

function TokenForm({ onToken }: { onToken: (token: string) => void }) {
  const [token, setToken] = useState('');
  const action = useAction();

  const submit = (event: FormEvent) => {
    event.preventDefault();
    void action.run(async () => {
      // Asked once so that a wrong token is told here and not on the page behind.
      await new ApiClient(deaf, token.trim()).overview();
      onToken(token.trim());
    });
  };
  return (
    <form className="form" onSubmit={submit}>
      <Field
        label="Token"
        type="password"
        value={token}
        onValue={setToken}
        hint={<>Made with <code>backplane token</code> or on the page of tokens.</>}
        required
      />
      <ProblemNote problem={action.problem} />
      <Button kind="primary" type="submit" busy={action.busy}>Sign in</Button>
    </form>
  );
}

const deaf = { onReachable: () => {}, onUnauthorized: () => {} };

function anonymous(): ApiClient {
  return new ApiClient(deaf);
}
