import { useState, type FormEvent } from 'react';
import type { Decoded, IdReading, OwnId } from '../../api/types';
import { Button } from '../../components/button';
import { Checkbox } from '../../components/checkbox';
import { Command } from '../../components/command';
import { DataTable, type Column } from '../../components/data-table';
import { Field } from '../../components/field';
import { Pill } from '../../components/pill';
import { ProblemNote } from '../../components/problem-note';
import { useConsole } from '../../console';
import { useAction } from '../../hooks/use-action';
import { decodePath } from '../../lib/paths';

const example = '175928847299117063';

export function DecodeId() {
  const { api } = useConsole();
  const [text, setText] = useState('');
  const [hidden, setHidden] = useState(false);
  const [decoded, setDecoded] = useState<Decoded | null>(null);
  const action = useAction();

  const id = text.trim() || example;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setDecoded(null);
    await action.run(async () => setDecoded(await api.decodeId(id, hidden)));
  };
  return (
    <form className="form" onSubmit={(event) => void submit(event)}>
      <Field
        label="Id"
        value={text}
        onValue={setText}
        placeholder={example}
        hint="A Snowflake id of any maker, a UUID, ULID, KSUID, ObjectId, or one with a type."
      />
      <Checkbox
        label="It is one for the public"
        hint="Made here, and shown with neither time nor place."
        checked={hidden}
        onChecked={setHidden}
      />
      <ProblemNote problem={action.problem} />
      <div><Button kind="primary" type="submit" busy={action.busy}>Read</Button></div>
      {decoded && <Readings decoded={decoded} />}
      <Command request={{ path: decodePath(id, hidden) }} />
    </form>
  );
}

function Readings({ decoded }: { decoded: Decoded }) {
  const own = decoded.own ? [ofThisNamespace(decoded.own)] : [];
  return (
    <DataTable
      caption="What the id can be"
      columns={columns}
      items={[...own, ...decoded.readings]}
      keyOf={(reading) => reading.format}
    />
  );
}

function ofThisNamespace(own: OwnId): IdReading {
  const fields = { datacenter: own.datacenter, machine: own.machine, sequence: own.sequence };
  return {
    format: 'this namespace',
    utc: own.utc,
    plausible: Date.parse(own.utc) <= Date.now() + 86_400_000,
    fields: Object.entries(fields).map(([name, value]) => ({ name, value: String(value) })),
  };
}

const columns: Column<IdReading>[] = [
  { header: 'Format', render: ({ format }) => format },
  {
    header: 'Plausible',
    render: ({ plausible }) => (
      <Pill tone={plausible ? 'good' : 'calm'}>{plausible ? 'yes' : 'no'}</Pill>
    ),
  },
  { header: 'Made at (UTC)', render: ({ utc }) => utc ?? <span className="faint">no time</span> },
  {
    header: 'Fields',
    render: ({ fields }) => fields.map(({ name, value }) => `${name} ${value}`).join(', '),
  },
];
