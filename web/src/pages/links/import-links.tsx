import { useId, useState, type DragEvent } from 'react';
import type { ImportReport as Report } from '../../api/types';
import { Command } from '../../components/command';
import { Icon } from '../../components/icon';
import { ProblemNote } from '../../components/problem-note';
import { Section } from '../../components/section';
import { useConsole } from '../../console';
import { useAction } from '../../hooks/use-action';
import { plural } from '../../lib/format';
import { ImportReport } from './import-report';

/** Takes a file by picker or drop and says what became of each of its lines. */
export function ImportLinks() {
  const { api, announce } = useConsole();
  const [report, setReport] = useState<Report | null>(null);
  const [fileName, setFileName] = useState<string | null>(null);
  const action = useAction();

  const importFile = (file: File | undefined) => {
    if (!file) {
      return;
    }
    setFileName(file.name);
    setReport(null);
    void action.run(async () => {
      const answer = await api.importLinks(file);
      setReport(answer);
      announce(`Imported ${plural(answer.imported, 'link')} from ${file.name}`);
    });
  };
  return (
    <Section title="Import">
      <p>
        A CSV or JSON Lines file, or an export of Bitly, YOURLS or Shlink; the format is found out
        from the file.
      </p>
      <DropZone busy={action.busy} onFile={importFile} />
      <ProblemNote problem={action.problem} />
      {report && <ImportReport report={report} fileName={fileName ?? 'the file'} />}
      <Command
        request={{ path: '/shortener/import?format=auto', upload: fileName ?? 'links.csv' }}
      />
    </Section>
  );
}

interface DropZoneProps {
  busy: boolean;
  onFile: (file: File | undefined) => void;
}

function DropZone({ busy, onFile }: DropZoneProps) {
  const id = useId();
  const [over, setOver] = useState(false);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    onFile(event.dataTransfer.files[0]);
  };
  return (
    <div
      className={`drop ${over ? 'drop-over' : ''}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <input
        id={id}
        type="file"
        className="visually-hidden"
        disabled={busy}
        onChange={(event) => {
          onFile(event.target.files?.[0]);
          event.target.value = '';
        }}
      />
      <label htmlFor={id}>
        <Icon name="upload" />
        <span>{busy ? 'Importing…' : 'Choose a file, or drop it here'}</span>
      </label>
    </div>
  );
}
