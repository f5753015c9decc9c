import { useState } from 'react';
import { Command } from '../../components/command';
import { Loaded } from '../../components/loaded';
import { PageHeader } from '../../components/page-header';
import { Section } from '../../components/section';
import { useConsole } from '../../console';
import { useResource } from '../../hooks/use-resource';
import { Offenders } from './offenders';
import { RuleFileEditor } from './rule-file-editor';
import { RulesTable } from './rules-table';
import { TryRequest } from './try-request';

/** How often counts are read while somebody looks. */
const pollMs = 2_000;

export function LimitsPage() {
  const { api } = useConsole();
  const rules = useResource('limit-rules', (signal) => api.limitRules(signal), { pollMs });
  const [file, setFile] = useState('');
  return (
    <>
      <PageHeader title="Rate limits">
        Who may do how much of what. Rules are files; a change is in force within a second.
      </PageHeader>
      <Section title="Rules">
        <Loaded data={rules.data} problem={rules.problem} onRetry={rules.reload}>
          {(data) => <RulesTable rules={data} />}
        </Loaded>
        <Command request={{ path: '/limiter/rules' }} />
      </Section>
      <Section title="Try a request"><TryRequest onDecided={rules.reload} /></Section>
      <Section title="Rule file">
        <RuleFileEditor
          files={rules.data?.files ?? []}
          file={file}
          onFile={setFile}
          onChanged={rules.reload}
        />
      </Section>
      <Section title="Denied most"><Offenders /></Section>
    </>
  );
}
