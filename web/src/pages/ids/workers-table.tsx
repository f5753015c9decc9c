import type { IdWorker } from '../../api/types';
import { DataTable, type Column } from '../../components/data-table';
import { EmptyState } from '../../components/empty-state';
import { Moment } from '../../components/moment';

/** Every place that a generator of this namespace ever had. */
export function WorkersTable({ workers }: { workers: readonly IdWorker[] }) {
  if (workers.length === 0) {
    return (
      <EmptyState title="No id yet">Make one above: a place is taken with the first.</EmptyState>
    );
  }
  return (
    <DataTable
      caption="Places of generators"
      columns={columns}
      items={workers}
      keyOf={(worker) => `${worker.datacenter}/${worker.machine}`}
    />
  );
}

const columns: Column<IdWorker>[] = [
  { header: 'Place', render: ({ datacenter, machine }) => `${datacenter}/${machine}` },
  {
    header: 'Ids up to',
    render: ({ issuedUntilMs }) => <Moment at={new Date(issuedUntilMs).toISOString()} />,
  },
  { header: 'Leased until', render: ({ leasedUntil }) => <Moment at={leasedUntil} /> },
  { header: 'Claimed', align: 'end', render: ({ claims }) => `${claims} ×` },
];
