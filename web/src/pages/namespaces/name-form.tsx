import { useState, type FormEvent } from 'react';
import { Button } from '../../components/button';
import { Command } from '../../components/command';
import { Field } from '../../components/field';
import { ProblemNote } from '../../components/problem-note';
import { useAction } from '../../hooks/use-action';
import type { CurlRequest } from '../../lib/command';

interface NameFormProps {
  label: string;
  verb: string;
  onName: (name: string) => Promise<void>;
  /** The request that a name leads to, to show it as a command. */
  request: (name: string) => CurlRequest;
}

/** Asks for the name of a namespace to be. */
export function NameForm({ label, verb, onName, request }: NameFormProps) {
  const [name, setName] = useState('');
  const action = useAction();

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (await action.run(() => onName(name.trim()))) {
      setName('');
    }
  };
  return (
    <form className="form" onSubmit={(event) => void submit(event)}>
      <div className="form-row">
        <Field label={label} value={name} onValue={setName} placeholder="my-test" required />
        <Button kind="primary" type="submit" busy={action.busy}>{verb}</Button>
      </div>
      <ProblemNote problem={action.problem} />
      <Command request={request(name.trim() || 'my-test')} />
    </form>
  );
}
