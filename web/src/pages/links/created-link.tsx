import type { Link } from '../../api/types';
import { CopyButton } from '../../components/copy-button';
import { bareAddress } from '../../lib/address';
import { routeHref } from '../../lib/route';

/** The link that the form just led to. */
export function CreatedLink({ link, existed }: { link: Link; existed: boolean }) {
  return (
    <div className="note note-good">
      <div className="note-body">
        <span>{existed ? 'This address already had a short link:' : 'Your short link:'}</span>
        <span className="copyable created">
          <a href={link.shortURL} target="_blank" rel="noreferrer">{bareAddress(link.shortURL)}</a>
          <CopyButton text={link.shortURL} what="short link" />
        </span>
      </div>
      <a
        className="button button-secondary"
        href={routeHref({ page: 'link', link })}
      >
        Clicks and QR code
      </a>
    </div>
  );
}
