import type { LimitOffender } from '../../api/types';
import { DataTable, type Column } from '../../components/data-table';
import { EmptyState } from '../../components/empty-state';
import { Loaded } from '../../components/loaded';
import { useConsole } from '../../console';
import { useResource } from '../../hooks/use-resource';
import { formatCount } from '../../lib/format';

const pollMs = 5_000;
const shownMax = 20;

/** Callers denied most since the start; a constant number of them is counted. */
export function Offenders() {
  const { api } = useConsole();
  const found = useResource('limit-offenders', (signal) => api.limitOffenders(signal), { pollMs });
  return (
    <Loaded data={found.data} problem={found.problem} onRetry={found.reload}>
      {({ offenders }) =>
        offenders.length === 0 ? (
          <EmptyState title="Nobody was denied">Since the start of this process.</EmptyState>
        ) : (
          <DataTable
            caption="Callers denied most"
            columns={columns}
            items={offenders.slice(0, shownMax)}
            keyOf={({ who }) => who}
          />
        )
      }
    </Loaded>
  );
}

const columns: Column<LimitOffender>[] = [
  { header: 'Caller', render: ({ who }) => <code>{who}</code> },
  { header: 'Denied', align: 'end', render: ({ denied }) => formatCount(denied) },
  { header: 'At most too many', align: 'end', render: (one) => formatCount(one.overstated) },
];
