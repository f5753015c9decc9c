import type { LinkStats } from '../../api/types';
import { formatCount } from '../../lib/format';

export function Totals({ stats }: { stats: LinkStats }) {
  const totals: [string, number, string][] = [
    ['Clicks', stats.total, ''],
    ['People', stats.people, 'people'],
    ['Bots', stats.bots, 'bots'],
    ['By QR code', stats.scans, 'scans'],
    ['Unique visitors', stats.uniqueVisitors, ''],
  ];
  return (
    <dl className="totals">
      {totals.map(([label, value, series]) => (
        <div key={label}>
          <dt>
            {series && <span className={`swatch swatch-${series}`} aria-hidden="true" />}
            {label}
          </dt>
          <dd>{formatCount(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
