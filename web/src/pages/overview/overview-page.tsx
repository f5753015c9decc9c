import { useRef, useState } from 'react';
import type { Overview } from '../../api/types';
import { Command } from '../../components/command';
import { Loaded } from '../../components/loaded';
import { PageHeader } from '../../components/page-header';
import { Section } from '../../components/section';
import { useConsole } from '../../console';
import { useResource } from '../../hooks/use-resource';
import { allSystems, record, type History } from '../../lib/history';
import { FirstLink } from './first-link';
import { ProcessFacts } from './process-facts';
import { SystemsTable } from './systems-table';
import { Tiles } from './tiles';

const pollMs = 2_000;

/** The house at a glance: each system's health and traffic, and the process they live in. */
export function OverviewPage() {
  const { api } = useConsole();
  const history = useRef<History>({});
  const [previous, setPrevious] = useState<{ before: Overview | null; now: Overview | null }>({
    before: null,
    now: null,
  });
  const overview = useResource('overview', (signal) => api.overview(signal), {
    pollMs,
    onData: (data) => {
      history.current = record(history.current, data);
      setPrevious((old) => ({ before: old.now, now: data }));
    },
  });
  return (
    <>
      <PageHeader title="Overview">
        Every system in this process, read every two seconds.
      </PageHeader>
      <Loaded data={overview.data} problem={overview.problem} onRetry={overview.reload}>
        {(data) => (
          <>
            <Tiles overview={data} series={history.current[allSystems] ?? []} />
            <Section title="Systems">
              <SystemsTable systems={data.systems} history={history.current} />
              <Command request={{ path: '/platform/overview' }} />
            </Section>
            <div className="columns">
              <FirstLink />
              <ProcessFacts now={data} before={previous.before} />
            </div>
          </>
        )}
      </Loaded>
    </>
  );
}
