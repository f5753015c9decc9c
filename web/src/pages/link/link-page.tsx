import { useState } from 'react';
import type { Link } from '../../api/types';
import { Button } from '../../components/button';
import { CopyButton } from '../../components/copy-button';
import { Icon } from '../../components/icon';
import { Loaded } from '../../components/loaded';
import { PageHeader } from '../../components/page-header';
import { useConsole } from '../../console';
import { useResource } from '../../hooks/use-resource';
import { bareAddress } from '../../lib/address';
import { routeHref } from '../../lib/route';
import { Clicks } from './clicks';
import { DeleteLinkDialog } from './delete-link-dialog';
import { EditLink } from './edit-link';
import { LinkFacts } from './link-facts';
import { QrCode } from './qr-code';
import { Visits } from './visits';

const pollMs = 5_000;

/** One short link: where it leads, its clicks, its code to scan, and its settings. */
export function LinkPage({ code }: { code: string }) {
  const { api } = useConsole();
  const link = useResource(`link ${code}`, (signal) => api.link(code, signal), { pollMs });
  return (
    <>
      <a className="back" href={routeHref({ page: 'links' })}>
        <Icon name="back" /> Short links
      </a>
      {link.data === null && <PageHeader title={code} />}
      <Loaded data={link.data} problem={link.problem} onRetry={link.reload}>
        {(data) => <LinkDetails link={data} onChanged={link.reload} />}
      </Loaded>
    </>
  );
}

function LinkDetails({ link, onChanged }: { link: Link; onChanged: () => void }) {
  const [deleting, setDeleting] = useState(false);
  return (
    <>
      <PageHeader
        title={bareAddress(link.shortURL)}
        actions={
          <>
            <CopyButton text={link.shortURL} what="short link" />
            <a
              className="button button-secondary"
              href={link.shortURL}
              target="_blank"
              rel="noreferrer"
            >
              Open <Icon name="external" />
            </a>
            <Button kind="danger" onClick={() => setDeleting(true)}>Delete</Button>
          </>
        }
      >
        <span className="break">{link.longUrl}</span>
      </PageHeader>
      <Clicks code={link.code} />
      <div className="columns columns-wide-first">
        <div className="column">
          <Visits code={link.code} clicks={link.clicks} />
          <EditLink key={link.updatedAt ?? link.code} link={link} onChanged={onChanged} />
        </div>
        <div className="column">
          <LinkFacts link={link} />
          <QrCode code={link.code} />
        </div>
      </div>
      {deleting && <DeleteLinkDialog link={link} onClose={() => setDeleting(false)} />}
    </>
  );
}
