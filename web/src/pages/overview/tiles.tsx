import type { ReactNode } from 'react';
import type { Overview } from '../../api/types';
import { Sparkline } from '../../components/sparkline';
import { formatBytes, formatCount, formatMicros, formatRate } from '../../lib/format';

interface TilesProps {
  overview: Overview;
  /** Requests per second over all systems, oldest first. */
  series: readonly number[];
}

export function Tiles({ overview, series }: TilesProps) {
  const { systems } = overview;
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  const requests = sum(systems.map((system) => system.requestsPerSecond));
  const errors = sum(systems.map((system) => system.errorsPerSecond));
  const errorsTotal = sum(systems.map((system) => system.errorsTotal));
  const asked = systems.filter((system) => system.requestsTotal > 0);
  const slowest = Math.max(-1, ...asked.map((system) => system.p99Us ?? -1));
  const working = systems.filter((system) => system.state !== 'failed').length;
  return (
    <dl className="tiles">
      <Tile label="Requests per second" value={formatRate(requests)}>
        <Sparkline values={series} size="large" />
      </Tile>
      <Tile label="Errors per second" value={formatRate(errors)}>
        {formatCount(errorsTotal)} since the start
      </Tile>
      <Tile label="Slowest p99" value={formatMicros(slowest < 0 ? null : slowest)}>
        over {systems.length} {systems.length === 1 ? 'system' : 'systems'}
      </Tile>
      <Tile label="Systems up" value={`${working} of ${systems.length}`}>
        {formatBytes(overview.process.rssBytes)} of memory
      </Tile>
    </dl>
  );
}

interface TileProps {
  label: string;
  value: string;
  children: ReactNode;
}

function Tile({ label, value, children }: TileProps) {
  return (
    <div className="tile">
      <dt>{label}</dt>
      <dd className="tile-value">{value}</dd>
      <dd className="tile-note">{children}</dd>
    </div>
  );
}
