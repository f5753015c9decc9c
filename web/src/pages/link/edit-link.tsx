import { useState, type FormEvent } from 'react';
import type { Link } from '../../api/types';
import { Button } from '../../components/button';
import { Command } from '../../components/command';
import { Field } from '../../components/field';
import { ProblemNote } from '../../components/problem-note';
import { Section } from '../../components/section';
import { useConsole } from '../../console';
import { useAction } from '../../hooks/use-action';
import { fieldsOf, toLinkChange, type LinkFields } from '../../lib/link-form';
import { LinkOptions } from '../links/link-options';

interface EditLinkProps {
  link: Link;
  onChanged: () => void;
}

/** The link's settings. A change from elsewhere shows once this form is made anew. */
export function EditLink({ link, onChanged }: EditLinkProps) {
  const { api, announce } = useConsole();
  const [before] = useState<LinkFields>(() => fieldsOf(link));
  const [fields, setFields] = useState<LinkFields>(before);
  const action = useAction();
  const set = (change: Partial<LinkFields>) => setFields({ ...fields, ...change });
  const change = toLinkChange(before, fields);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    void action.run(async () => {
      await api.changeLink(link.code, change);
      announce(`Saved ${link.code}`);
      onChanged();
    });
  };
  const path = `/shortener/shorturls/${encodeURIComponent(link.code)}`;
  return (
    <Section title="Settings">
      <form className="form" onSubmit={submit}>
        <Field
          label="Long address"
          type="url"
          value={fields.longUrl}
          onValue={(longUrl) => set({ longUrl })}
          required
        />
        <LinkOptions fields={fields} onChange={set} />
        <ProblemNote problem={action.problem} />
        <div>
          <Button
            kind="primary"
            type="submit"
            busy={action.busy}
            disabled={Object.keys(change).length === 0}
          >
            Save
          </Button>
        </div>
        <Command request={{ path, method: 'PUT', json: { longUrl: link.longUrl, ...change } }} />
      </form>
    </Section>
  );
}
