import type { Link } from '../../api/types';
import { ConfirmDialog } from '../../components/confirm-dialog';
import { useConsole } from '../../console';
import { bareAddress } from '../../lib/address';
import { linkPath } from '../../lib/paths';
import { routeHref } from '../../lib/route';

export function DeleteLinkDialog({ link, onClose }: { link: Link; onClose: () => void }) {
  const { api, announce } = useConsole();
  const remove = async () => {
    await api.deleteLink(link);
    announce(`Deleted ${link.shortURL}`);
    window.location.hash = routeHref({ page: 'links' });
  };
  return (
    <ConfirmDialog
      title="Delete this link?"
      verb="Delete"
      request={{ path: linkPath(link), method: 'DELETE' }}
      onConfirm={remove}
      onClose={onClose}
    >
      <p>
        <strong>{bareAddress(link.shortURL)}</strong> stops leading anywhere, and its code is not
        given out again.
      </p>
    </ConfirmDialog>
  );
}
