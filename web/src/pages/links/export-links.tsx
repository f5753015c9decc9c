import { useState } from 'react';
import type { ExportFormat } from '../../api/types';
import { Button } from '../../components/button';
import { Command } from '../../components/command';
import { ProblemNote } from '../../components/problem-note';
import { Section } from '../../components/section';
import { Select } from '../../components/select';
import { useConsole } from '../../console';
import { useAction } from '../../hooks/use-action';
import { download } from '../../lib/download';

const files: Record<ExportFormat, { label: string; name: string }> = {
  csv: { label: 'CSV, for spreadsheets', name: 'links.csv' },
  jsonl: { label: 'JSON Lines, with everything', name: 'links.jsonl' },
  nginx: { label: 'nginx map, to serve them without us', name: 'links.nginx.conf' },
  caddy: { label: 'Caddyfile, to serve them without us', name: 'links.caddy' },
};

const options = Object.entries(files).map(([value, { label }]) => ({ value, label }));

export function ExportLinks() {
  const { api, announce } = useConsole();
  const [format, setFormat] = useState<ExportFormat>('csv');
  const action = useAction();
  const { name } = files[format];

  const save = () =>
    action.run(async () => {
      download(await api.exportLinks(format), name);
      announce(`Exported to ${name}`);
    });
  return (
    <Section title="Export">
      <p>All of your links in one file.</p>
      <div className="form-row">
        <Select
          label="Format"
          value={format}
          onValue={(value) => setFormat(value as ExportFormat)}
          options={options}
        />
        <Button kind="primary" busy={action.busy} onClick={() => void save()}>Export</Button>
      </div>
      <ProblemNote problem={action.problem} />
      <Command request={{ path: `/shortener/export?format=${format}`, saveAs: name }} />
    </Section>
  );
}
