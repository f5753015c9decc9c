import { PageHeader } from '../../components/page-header';
import { Icon } from '../../components/icon';
import { routeHref } from '../../lib/route';
import { ExportLinks } from './export-links';
import { ImportLinks } from './import-links';

export function TransferPage() {
  return (
    <>
      <a className="back" href={routeHref({ page: 'links' })}>
        <Icon name="back" /> Short links
      </a>
      <PageHeader title="Import and export">
        Bring the links that you have elsewhere, and take yours anywhere.
      </PageHeader>
      <div className="columns">
        <ImportLinks />
        <ExportLinks />
      </div>
    </>
  );
}
