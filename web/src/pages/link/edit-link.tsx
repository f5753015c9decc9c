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
import { linkPath } from '../../lib/paths';
import { LinkOptions } from '../links/link-options';

interface EditLinkProps {
  link: Link;
  onChanged: () => void;
}

/** The link's settings; what the reader is typing is never overwritten by a later reading. */
export function EditLink({ link, onChanged }: EditLinkProps) {
  const { api, announce } = useConsole();
  const [before, setBefore] = useState<LinkFields>(() => fieldsOf(link));
  const [fields, setFields] = useState<LinkFields>(before);
  const action = useAction();
  const set = (change: Partial<LinkFields>) => setFields({ ...fields, ...change });
  const change = toLinkChange(before, fields);
  const shown = Object.keys(change).length > 0 ? change : { longUrl: link.longUrl };

  const submit = (event: FormEvent) => {
    event.preventDefault();
    void action.run(async () => {
      const saved = fieldsOf(await api.changeLink(link, change));
      setBefore(saved);
      setFields(saved);
      announce(`Saved ${link.code}`);
      onChanged();
    });
  };
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
        <LinkOptions fields={fields} onChange={set} of={link} />
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
        <Command request={{ path: linkPath(link), method: 'PUT', json: shown }} />
      </form>
    </Section>
  );
}
