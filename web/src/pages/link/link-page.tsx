import { useState } from 'react';
import type { Link, LinkName } from '../../api/types';
import { Button } from '../../components/button';
import { CopyButton } from '../../components/copy-button';
import { Icon } from '../../components/icon';
import { Loaded } from '../../components/loaded';
import { PageHeader } from '../../components/page-header';
import { useConsole } from '../../console';
import { useResource } from '../../hooks/use-resource';
import { bareAddress } from '../../lib/address';
import { linkPath } from '../../lib/paths';
import { routeHref } from '../../lib/route';
import { Clicks } from './clicks';
import { DeleteLinkDialog } from './delete-link-dialog';
import { EditLink } from './edit-link';
import { LinkFacts } from './link-facts';
import { QrCode } from './qr-code';
import { Visits } from './visits';

const pollMs = 5_000;

/** One short link: where it leads, its clicks, its code to scan, and its settings. */
export function LinkPage({ name }: { name: LinkName }) {
  const { api } = useConsole();
  const link = useResource(linkPath(name), (signal) => api.link(name, signal), { pollMs });
  return (
    <>
      <a className="back" href={routeHref({ page: 'links' })}>
        <Icon name="back" /> Short links
      </a>
      {link.data === null && <PageHeader title={name.code} />}
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
      <Clicks link={link} />
      <div className="columns columns-wide-first">
        <div className="column">
          <Visits link={link} />
          <EditLink link={link} onChanged={onChanged} />
        </div>
        <div className="column">
          <LinkFacts link={link} />
          <QrCode link={link} />
        </div>
      </div>
      {deleting && <DeleteLinkDialog link={link} onClose={() => setDeleting(false)} />}
    </>
  );
}
