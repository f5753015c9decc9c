import type { AuditEntry } from '../../api/types';
import { Command } from '../../components/command';
import { DataTable, type Column } from '../../components/data-table';
import { EmptyState } from '../../components/empty-state';
import { Loaded } from '../../components/loaded';
import { MoreButton } from '../../components/more-button';
import { PageHeader } from '../../components/page-header';
import { Section } from '../../components/section';
import { useConsole } from '../../console';
import { usePages } from '../../hooks/use-pages';
import { formatMoment } from '../../lib/format';

const columns: Column<AuditEntry>[] = [
  {
    header: 'When',
    render: ({ at }) => <time className="nowrap" dateTime={at}>{formatMoment(at)}</time>,
  },
  { header: 'Who', render: ({ principal }) => principal },
  { header: 'Did', render: ({ action }) => <code>{action}</code> },
  { header: 'To', render: ({ subject }) => <span className="break">{subject}</span> },
  {
    header: 'Detail',
    render: ({ detail }) => (detail ? <span className="break">{detail}</span> : '–'),
  },
];

export function AuditPage() {
  const { api } = useConsole();
  const entries = usePages('audit', (cursor, signal) => api.audit(cursor, signal));
  return (
    <>
      <PageHeader title="Audit">Who did what to this server, newest first.</PageHeader>
      <Section title="Entries">
        <Loaded data={entries.items} problem={entries.problem} onRetry={entries.reload}>
          {(items) => (items.length === 0 ? <NoEntries /> : <Entries items={items} />)}
        </Loaded>
        <MoreButton pages={entries} noun="entries" />
        <Command request={{ path: '/platform/audit' }} />
      </Section>
    </>
  );
}

function Entries({ items }: { items: readonly AuditEntry[] }) {
  return (
    <DataTable
      caption="Audit entries"
      columns={columns}
      items={items}
      keyOf={(entry, index) => `${entry.at} ${index}`}
    />
  );
}

function NoEntries() {
  return (
    <EmptyState title="Nothing has been done yet">
      Signing in, making and revoking tokens, and changing namespaces are written down here.
    </EmptyState>
  );
}
