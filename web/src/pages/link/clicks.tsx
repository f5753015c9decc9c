import { useState } from 'react';
import type { LinkName, LinkStats } from '../../api/types';
import { Button } from '../../components/button';
import { Command } from '../../components/command';
import { Loaded } from '../../components/loaded';
import { Section } from '../../components/section';
import { useConsole } from '../../console';
import { useResource } from '../../hooks/use-resource';
import { toCsv } from '../../lib/csv';
import { download } from '../../lib/download';
import { linkPath } from '../../lib/paths';
import { fillBuckets, rangeStart, ranges, type RangeName } from '../../lib/range';
import { ClickChart } from './click-chart';
import { ClickTable } from './click-table';
import { Facets } from './facets';
import { RangePicker } from './range-picker';
import { Totals } from './totals';

const pollMs = 3_000;

/** The clicks of a link over a span of time: totals, course, and where they came from. */
export function Clicks({ link }: { link: LinkName }) {
  const { api } = useConsole();
  const [name, setName] = useState<RangeName>('week');
  const [asTable, setAsTable] = useState(false);
  const range = ranges[name];
  const from = rangeStart(range, Date.now()).toISOString().replace('.000Z', 'Z');
  const { bucket } = range;
  const stats = useResource(
    `${linkPath(link)} ${name}`,
    (signal) => api.stats(link, { from, bucket }, signal),
    { pollMs },
  );
  const buckets = (data: LinkStats) => fillBuckets(data.buckets, range, Date.now());
  const save = (data: LinkStats) => {
    const rows = buckets(data).map(({ at, people, bots, scans }) => [at, people, bots, scans]);
    const text = toCsv([['at', 'people', 'bots', 'scans'], ...rows]);
    download(new Blob([text], { type: 'text/csv' }), `clicks-${link.code}.csv`);
  };
  return (
    <Section title="Clicks" actions={<RangePicker value={name} onValue={setName} />}>
      <Loaded data={stats.data} problem={stats.problem} onRetry={stats.reload}>
        {(data) => (
          <>
            <Totals stats={data} />
            {asTable
              ? <ClickTable buckets={buckets(data)} bucket={bucket} />
              : <ClickChart buckets={buckets(data)} bucket={bucket} />}
            <div className="chart-foot">
              <span className="faint">Times are in UTC.</span>
              <Button kind="quiet" onClick={() => setAsTable(!asTable)}>
                {asTable ? 'Show as chart' : 'Show as table'}
              </Button>
              <Button kind="quiet" onClick={() => save(data)}>Save as CSV</Button>
            </div>
            <Facets stats={data} />
          </>
        )}
      </Loaded>
      <Command request={{ path: linkPath(link, '/stats', { from, bucket }) }} />
    </Section>
  );
}
