import type { Link, Visit } from '../../api/types';
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
import { linkPath } from '../../lib/paths';

const columns: Column<Visit>[] = [
  { header: 'When', render: ({ at }) => <Moment at={at} /> },
  { header: 'From', render: ({ referrer }) => <span className="break">{referrer}</span> },
  { header: 'Country', render: ({ country }) => country },
  { header: 'With', render: (visit) => <Agent visit={visit} /> },
];

/** The latest visits one by one; read anew whenever the number of clicks has changed. */
export function Visits({ link }: { link: Link }) {
  const { api } = useConsole();
  const visits = usePages(`${linkPath(link)} ${link.clicks}`, (cursor, signal) =>
    api.visits(link, cursor, signal),
  );
  return (
    <Section title="Latest visits">
      <Loaded data={visits.items} problem={visits.problem} onRetry={visits.reload}>
        {(items) => (items.length === 0 ? <NoVisits /> : <List items={items} />)}
      </Loaded>
      <MoreButton pages={visits} noun="visits" />
      <Command request={{ path: linkPath(link, '/visits') }} />
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
  return (
    <span className="pills">
      {visit.bot && <Pill tone="calm">bot</Pill>}
      {visit.scan && <Pill tone="good">QR scan</Pill>}
      {`${visit.browser}, ${visit.system}, ${visit.device}`}
    </span>
  );
}

function NoVisits() {
  return <EmptyState title="No visits yet">Share the link, or open it yourself.</EmptyState>;
}
