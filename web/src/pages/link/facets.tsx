import type { Facet, LinkStats } from '../../api/types';
import { formatCount, formatShare } from '../../lib/format';
import { bareAddress } from '../../lib/address';

const shown = 6;

/** Where the clicks came from, each way of asking as a list of bars. */
export function Facets({ stats }: { stats: LinkStats }) {
  if (stats.total === 0) {
    return (
      <p className="faint">
        No clicks in this span. Open the short link once and they appear here within a second.
      </p>
    );
  }
  const facets: [string, readonly Facet[]][] = [
    ['Referrers', stats.referrers],
    ['Countries', stats.countries],
    ['Devices', stats.devices],
    ['Browsers', stats.browsers],
    ['Operating systems', stats.systems],
  ];
  return (
    <div className="facets">
      {facets.map(([title, values]) => (
        <FacetBars key={title} title={title} values={values} />
      ))}
    </div>
  );
}

function FacetBars({ title, values }: { title: string; values: readonly Facet[] }) {
  const whole = values.reduce((sum, { clicks }) => sum + clicks, 0);
  const rest = values.slice(shown).reduce((sum, { clicks }) => sum + clicks, 0);
  const rows = values.slice(0, shown);
  if (rest > 0) {
    rows.push({ value: 'others', clicks: rest });
  }
  return (
    <section className="facet" aria-label={title}>
      <h3>{title}</h3>
      {rows.length === 0 && <p className="faint">Nothing known.</p>}
      <ul>
        {rows.map(({ value, clicks }) => (
          <li key={value}>
            <span className="facet-value">{bareAddress(value) || 'direct or unknown'}</span>
            <span className="facet-count">
              {formatCount(clicks)} <span className="faint">{formatShare(clicks, whole)}</span>
            </span>
            <svg className="facet-bar" aria-hidden="true" focusable="false">
              <rect className="facet-track" width="100%" height="100%" rx="2" />
              <rect width={`${(clicks / whole) * 100}%`} height="100%" rx="2" />
            </svg>
          </li>
        ))}
      </ul>
    </section>
  );
}
