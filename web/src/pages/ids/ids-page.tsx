import { Loaded } from '../../components/loaded';
import { PageHeader } from '../../components/page-header';
import { Section } from '../../components/section';
import { useConsole } from '../../console';
import { useResource } from '../../hooks/use-resource';
import { DecodeId } from './decode-id';
import { GeneratorFacts } from './generator-facts';
import { MakeIds } from './make-ids';
import { WorkersTable } from './workers-table';

/** How often the state is looked at: its mark moves each second while ids are made. */
const pollMs = 2_000;

export function IdsPage() {
  const { api } = useConsole();
  const status = useResource('id-status', (signal) => api.idStatus(signal), { pollMs });
  return (
    <>
      <PageHeader title="Ids">
        Unique over all machines, ordered by time, made without asking anyone.
      </PageHeader>
      <Section title="Make ids"><MakeIds onMade={status.reload} /></Section>
      <Section title="Read an id"><DecodeId /></Section>
      <Section title="Generator">
        <Loaded data={status.data} problem={status.problem} onRetry={status.reload}>
          {(data) => (
            <>
              <GeneratorFacts status={data} />
              <WorkersTable workers={data.workers} />
            </>
          )}
        </Loaded>
      </Section>
    </>
  );
}
