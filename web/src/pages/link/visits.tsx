import type { Visit } from '../../api/types';
import { Command } from '../../components/command';
import { DataTable, type Column } from '../../components/data-table';
import { EmptyState } from '../../components/empty-state';
import { Loaded } from '../../components/loaded';
import { Moment } from '../../components/moment';
import { MoreButton } from '../../components/more-button';
import { Pill } from '../../components/pill';
import { Section } from '../../components/section';
import { useConsole } from '../../console';
import { usePages } from '../../hooks/use-pages';
import { bareAddress } from '../../lib/address';

const columns: Column<Visit>[] = [
  { header: 'When', render: ({ at }) => <Moment at={at} /> },
  {
    header: 'From',
    render: ({ referrer }) =>
      referrer ? <span className="break">{bareAddress(referrer)}</span> : 'direct',
  },
  { header: 'Country', render: ({ country }) => country || '–' },
  { header: 'With', render: (visit) => <Agent visit={visit} /> },
];

/** The latest visits one by one; read anew whenever the number of clicks has changed. */
export function Visits({ code, clicks }: { code: string; clicks: number }) {
  const { api } = useConsole();
  const visits = usePages(`visits ${code} ${clicks}`, (cursor, signal) =>
    api.visits(code, cursor, signal),
  );
  return (
    <Section title="Latest visits">
      <Loaded data={visits.items} problem={visits.problem} onRetry={visits.reload}>
        {(items) => (items.length === 0 ? <NoVisits /> : <List items={items} />)}
      </Loaded>
      <MoreButton pages={visits} noun="visits" />
      <Command request={{ path: `/shortener/shorturls/${encodeURIComponent(code)}/visits` }} />
    </Section>
  );
}

function List({ items }: { items: readonly Visit[] }) {
  return (
    <DataTable
      caption="Latest visits"
      columns={columns}
      items={items}
      keyOf={({ at }, index) => `${at} ${index}`}
    />
  );
}

function Agent({ visit }: { visit: Visit }) {
  const parts = [visit.browser, visit.system, visit.device].filter(Boolean);
  return (
    <span className="pills">
      {visit.bot && <Pill tone="calm">bot</Pill>}
      {parts.length > 0 ? parts.join(', ') : 'unknown'}
    </span>
  );
}

function NoVisits() {
  return <EmptyState title="No visits yet">Share the link, or open it yourself.</EmptyState>;
}
