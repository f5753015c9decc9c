import type { SystemOverview, SystemState } from '../../api/types';
import { Copyable } from '../../components/copyable';
import { DataTable, type Column } from '../../components/data-table';
import { EmptyState } from '../../components/empty-state';
import { Pill, type PillTone } from '../../components/pill';
import { Sparkline } from '../../components/sparkline';
import { formatCount, formatMicros, formatRate } from '../../lib/format';
import type { History } from '../../lib/history';

interface SystemsTableProps {
  systems: readonly SystemOverview[];
  history: History;
}

export function SystemsTable({ systems, history }: SystemsTableProps) {
  if (systems.length === 0) {
    return (
      <EmptyState title="No system is running">
        Start them all with <code>backplane dev</code>, or some with <code>--only</code>.
      </EmptyState>
    );
  }
  return (
    <DataTable
      caption="Systems, their health and their traffic"
      columns={columns(history)}
      items={systems}
      keyOf={(system) => system.name}
    />
  );
}

function columns(history: History): Column<SystemOverview>[] {
  return [
    { header: 'System', render: (system) => <SystemName system={system} /> },
    { header: 'State', render: (system) => <State state={system.state} /> },
    {
      header: 'Requests/s',
      align: 'end',
      render: (system) => (
        <span className="with-sparkline">
          <Sparkline values={history[system.name] ?? []} />
          <span>{formatRate(system.requestsPerSecond)}</span>
        </span>
      ),
    },
    {
      header: 'Errors/s',
      align: 'end',
      render: (system) => formatRate(system.errorsPerSecond),
    },
    { header: 'p50', align: 'end', render: (system) => latency(system, 'p50Us') },
    { header: 'p99', align: 'end', render: (system) => latency(system, 'p99Us') },
    { header: 'Requests', align: 'end', render: (system) => formatCount(system.requestsTotal) },
    { header: 'Errors', align: 'end', render: (system) => formatCount(system.errorsTotal) },
  ];
}

/** Before its first request a system has no latency, whatever figure stands there. */
function latency(system: SystemOverview, percentile: 'p50Us' | 'p99Us'): string {
  return formatMicros(system.requestsTotal > 0 ? system[percentile] : null);
}

function SystemName({ system }: { system: SystemOverview }) {
  return (
    <div className="system-name">
      <span className="strong">{system.name}</span>
      {system.detail && <span className="faint">{system.detail}</span>}
      {system.doors.map((door) => (
        <span className="door" key={`${door.name} ${door.url}`}>
          <span className="faint">{door.name}</span>
          <Copyable text={door.url} what={`${door.name} address of ${system.name}`} />
        </span>
      ))}
    </div>
  );
}

const tones: Record<SystemState, PillTone> = { ready: 'good', idle: 'calm', failed: 'bad' };

function State({ state }: { state: SystemState }) {
  return <Pill tone={tones[state] ?? 'warn'}>{state}</Pill>;
}
