import { useState, type FormEvent } from 'react';
import type { NewToken, TokenRequest } from '../../api/types';
import { Button } from '../../components/button';
import { Command } from '../../components/command';
import { Field } from '../../components/field';
import { ProblemNote } from '../../components/problem-note';
import { Select } from '../../components/select';
import { useConsole } from '../../console';
import { useAction } from '../../hooks/use-action';
import { useResource } from '../../hooks/use-resource';
import { parseTags } from '../../lib/link-form';

const lifetimes = [
  { value: '', label: 'Never' },
  { value: '86400', label: 'In a day' },
  { value: '2592000', label: 'In 30 days' },
  { value: '7776000', label: 'In 90 days' },
  { value: '31536000', label: 'In a year' },
];

const exampleScopes = 'shortener:read, shortener:write';

export function TokenForm({ onMade }: { onMade: (token: NewToken) => void }) {
  const { api, namespace: own } = useConsole();
  const namespaces = useResource('token-namespaces', (signal) => api.namespaces(signal));
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState('');
  const [namespace, setNamespace] = useState(own ?? 'default');
  const [lifetime, setLifetime] = useState('');
  const action = useAction();

  const request: TokenRequest = {
    name: name.trim() || 'my-program',
    scopes: parseTags(scopes || exampleScopes),
    namespace: namespace.trim(),
    ...(lifetime ? { expiresInSeconds: Number(lifetime) } : {}),
  };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (await action.run(async () => onMade(await api.createToken(request)))) {
      setName('');
    }
  };
  return (
    <form className="form" onSubmit={(event) => void submit(event)}>
      <div className="form-grid">
        <Field label="Name" value={name} onValue={setName} placeholder="my-program" required />
        <Field
          label="Namespace"
          value={namespace}
          onValue={setNamespace}
          suggestions={namespaces.data?.items.map((item) => item.name) ?? []}
          required
        />
        <Field
          label="Scopes"
          value={scopes}
          onValue={setScopes}
          placeholder={exampleScopes}
          hint="Separated by commas; * is all."
          required
        />
        <Select label="Expires" value={lifetime} onValue={setLifetime} options={lifetimes} />
      </div>
      <ProblemNote problem={action.problem} />
      <div><Button kind="primary" type="submit" busy={action.busy}>Make token</Button></div>
      <Command request={{ path: '/platform/tokens', json: request }} />
    </form>
  );
}
