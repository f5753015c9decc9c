import { useState, type FormEvent } from 'react';
import type { LimitAsk, LimitStatus } from '../../api/types';
import { Button } from '../../components/button';
import { Command } from '../../components/command';
import { DataTable, type Column } from '../../components/data-table';
import { Field } from '../../components/field';
import { Pill, type PillTone } from '../../components/pill';
import { ProblemNote } from '../../components/problem-note';
import { useConsole } from '../../console';
import { useAction } from '../../hooks/use-action';
import { formatCount, formatMicros } from '../../lib/format';
import { parseEntries } from '../../lib/limits';

const example = { domain: 'auth', entries: 'auth_type=login' };

interface Told {
  code: string;
  statuses: LimitStatus[];
}

/** Decides on a request as a gateway would ask, or only says where its caller stands. */
export function TryRequest({ onDecided }: { onDecided: () => void }) {
  const { api } = useConsole();
  const [domain, setDomain] = useState('');
  const [entries, setEntries] = useState('');
  const [told, setTold] = useState<Told | null>(null);
  const action = useAction();

  const ask: LimitAsk = {
    domain: domain.trim() || example.domain,
    descriptors: [{ entries: parseEntries(entries || example.entries) }],
  };
  const decide = async (event: FormEvent) => {
    event.preventDefault();
    await action.run(async () => setTold(await api.decideLimit(ask)));
    onDecided();
  };
  const explain = () =>
    void action.run(async () => {
      const { statuses } = await api.explainLimit(ask);
      setTold({ code: 'WHERE IT STANDS', statuses });
    });
  return (
    <form className="form" onSubmit={(event) => void decide(event)}>
      <div className="form-grid">
        <Field label="Domain" value={domain} onValue={setDomain} placeholder={example.domain} />
        <Field
          label="Descriptor"
          value={entries}
          onValue={setEntries}
          placeholder={example.entries}
          hint="Keys and values, as key=value, separated by commas."
        />
      </div>
      <ProblemNote problem={action.problem} />
      <div className="row-actions">
        <Button kind="primary" type="submit" busy={action.busy}>Decide</Button>
        <Button onClick={explain} busy={action.busy}>Only explain</Button>
      </div>
      {told && <Ruling told={told} />}
      <Command request={{ path: '/limiter/decide', json: ask }} />
    </form>
  );
}

const tones: Record<string, PillTone> = { OK: 'good', OVER_LIMIT: 'bad', QUEUED: 'warn' };

function Ruling({ told }: { told: Told }) {
  return (
    <div role="status">
      <p><Pill tone={tones[told.code] ?? 'calm'}>{told.code.replace('_', ' ')}</Pill></p>
      <DataTable
        caption="What each rule says"
        columns={columns}
        items={told.statuses}
        keyOf={(status, index) => `${status.rule ?? ''} ${index}`}
      />
    </div>
  );
}

const figure = (value: number | null | undefined) =>
  value === null || value === undefined ? '–' : formatCount(value);

const columns: Column<LimitStatus>[] = [
  { header: 'Rule', render: ({ rule }) => (rule ? <code>{rule}</code> : 'no rule: it passes') },
  {
    header: 'Verdict',
    render: ({ code }) => <Pill tone={tones[code] ?? 'calm'}>{code.replace('_', ' ')}</Pill>,
  },
  { header: 'Limit', align: 'end', render: ({ limit }) => figure(limit) },
  { header: 'Left', align: 'end', render: ({ remaining }) => figure(remaining) },
  { header: 'Whole again', align: 'end', render: ({ resetS }) => `${figure(resetS)} s` },
  { header: 'Next free', align: 'end', render: ({ freeInUs }) => nextFree(freeInUs) },
];

function nextFree(freeInUs: number | null | undefined): string {
  if (freeInUs === null || freeInUs === undefined) {
    return '–';
  }
  return freeInUs === 0 ? 'now' : `in ${formatMicros(freeInUs)}`;
}
