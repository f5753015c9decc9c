import { useState, type FormEvent } from 'react';
import type { Link } from '../../api/types';
import { Button } from '../../components/button';
import { Command } from '../../components/command';
import { Field } from '../../components/field';
import { ProblemNote } from '../../components/problem-note';
import { useConsole } from '../../console';
import { useAction } from '../../hooks/use-action';
import { emptyLinkFields, toLinkRequest, type LinkFields } from '../../lib/link-form';
import { CreatedLink } from './created-link';
import { LinkOptions } from './link-options';

interface Created {
  link: Link;
  existed: boolean;
}

export function CreateLink({ onCreated }: { onCreated: () => void }) {
  const { api, announce } = useConsole();
  const [fields, setFields] = useState<LinkFields>(emptyLinkFields);
  const [created, setCreated] = useState<Created | null>(null);
  const action = useAction();
  const set = (change: Partial<LinkFields>) => setFields({ ...fields, ...change });

  const create = async () => {
    const answer = await api.createLink(toLinkRequest(fields));
    setCreated(answer);
    setFields(emptyLinkFields);
    announce(`${answer.existed ? 'There already was' : 'Created'} ${answer.link.shortURL}`);
    onCreated();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void action.run(create);
  };
  const example = { ...fields, longUrl: fields.longUrl || 'https://example.com/a/long/address' };
  return (
    <form className="form" onSubmit={submit}>
      <div className="form-row">
        <Field
          label="Long address"
          type="url"
          inputMode="url"
          value={fields.longUrl}
          onValue={(longUrl) => set({ longUrl })}
          placeholder="https://example.com/a/long/address"
          required
        />
        <Button kind="primary" type="submit" busy={action.busy}>Shorten</Button>
      </div>
      <ProblemNote problem={action.problem} />
      {created && <CreatedLink {...created} />}
      <details className="options">
        <summary>Options: alias, expiry, tags, password…</summary>
        <LinkOptions fields={fields} onChange={set} />
      </details>
      <Command request={{ path: '/shortener/shorturl', json: toLinkRequest(example) }} />
    </form>
  );
}
