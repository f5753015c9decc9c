import { useState, type FormEvent } from 'react';
import { Button } from '../../components/button';
import { Checkbox } from '../../components/checkbox';
import { Command } from '../../components/command';
import { Copyable } from '../../components/copyable';
import { Field } from '../../components/field';
import { ProblemNote } from '../../components/problem-note';
import { Select } from '../../components/select';
import { useConsole } from '../../console';
import { useAction } from '../../hooks/use-action';
import { idsPath, type IdKind, type IdWish } from '../../lib/paths';

const kinds: { value: IdKind; label: string }[] = [
  { value: 'decimal', label: 'Snowflake, decimal' },
  { value: 'base62', label: 'Snowflake, base 62' },
  { value: 'base32', label: 'Snowflake, base 32' },
  { value: 'hex', label: 'Snowflake, hexadecimal' },
  { value: 'uuid7', label: 'UUID version 7' },
  { value: 'uuid4', label: 'UUID version 4' },
  { value: 'ulid', label: 'ULID' },
];

/** What fits on a page; the API gives more at once. */
const shownMax = 100;

export function MakeIds({ onMade }: { onMade: () => void }) {
  const { api } = useConsole();
  const [kind, setKind] = useState<IdKind>('decimal');
  const [count, setCount] = useState('5');
  const [type, setType] = useState('');
  const [hidden, setHidden] = useState(false);
  const [made, setMade] = useState<string[]>([]);
  const action = useAction();

  const wish: IdWish = { kind, count: Number(count), type: type.trim(), hidden };
  const isSnowflake = !(kind.startsWith('uuid') || kind === 'ulid');
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    await action.run(async () => setMade((await api.makeIds(wish)).ids));
    onMade();
  };
  return (
    <form className="form" onSubmit={(event) => void submit(event)}>
      <div className="form-grid">
        <Select
          label="Kind"
          value={kind}
          onValue={(value) => setKind(value as IdKind)}
          options={kinds}
        />
        <Field
          label="How many"
          type="number"
          min={1}
          max={shownMax}
          value={count}
          onValue={setCount}
          required
        />
        {isSnowflake && (
          <Field
            label="Type"
            value={type}
            onValue={setType}
            placeholder="ord"
            pattern="[a-z][a-z0-9]{0,15}"
            hint="Written in front, with a check character behind; may be empty."
          />
        )}
      </div>
      {isSnowflake && (
        <Checkbox
          label="For the public"
          hint="Shows neither time nor place nor order, and leads back with this namespace's key."
          checked={hidden}
          onChecked={setHidden}
        />
      )}
      <ProblemNote problem={action.problem} />
      <div><Button kind="primary" type="submit" busy={action.busy}>Make</Button></div>
      {made.length > 0 && (
        <ul className="plain-list" aria-label="Ids made">
          {made.map((id) => <li key={id}><Copyable text={id} what="id" /></li>)}
        </ul>
      )}
      <Command request={{ path: idsPath(wish) }} />
    </form>
  );
}
