import { useState } from 'react';
import type { LinkName, QrFormat } from '../../api/types';
import { Button } from '../../components/button';
import { Command } from '../../components/command';
import { Loaded } from '../../components/loaded';
import { ProblemNote } from '../../components/problem-note';
import { Section } from '../../components/section';
import { Select } from '../../components/select';
import { useConsole } from '../../console';
import { useAction } from '../../hooks/use-action';
import { useResource } from '../../hooks/use-resource';
import { linkPath } from '../../lib/paths';
import { download, toDataAddress } from '../../lib/download';

const sizes = [256, 512, 1024, 2048].map((size) => ({
  value: String(size),
  label: `${size} pixels`,
}));

/** The link as a code to scan; scans are counted apart from clicks. */
export function QrCode({ link }: { link: LinkName }) {
  const { api } = useConsole();
  const [size, setSize] = useState('512');
  const action = useAction();
  const image = useResource(linkPath(link), async (signal) =>
    toDataAddress(await api.qr(link, { format: 'svg', size: 256 }, signal)),
  );
  const save = (format: QrFormat) =>
    action.run(async () => {
      const blob = await api.qr(link, { format, size: Number(size) });
      download(blob, `qr-${link.code}.${format}`);
    });
  const path = linkPath(link, '/qr', { format: 'png', size });
  return (
    <Section title="QR code">
      <Loaded data={image.data} problem={image.problem} onRetry={image.reload}>
        {(address) => (
          <img
            className="qr"
            src={address}
            alt={`QR code of ${link.code}`}
            width="200"
            height="200"
          />
        )}
      </Loaded>
      <Select label="Size to save" value={size} onValue={setSize} options={sizes} />
      <div className="row-actions">
        <Button busy={action.busy} onClick={() => void save('png')}>Save PNG</Button>
        <Button busy={action.busy} onClick={() => void save('svg')}>Save SVG</Button>
      </div>
      <ProblemNote problem={action.problem} />
      <Command request={{ path, saveAs: `qr-${link.code}.png` }} />
    </Section>
  );
}
