import { EmptyState } from '../components/empty-state';
import { PageHeader } from '../components/page-header';
import { routeHref } from '../lib/route';

export function UnknownPage() {
  return (
    <>
      <PageHeader title="No such page" />
      <EmptyState title="This address leads nowhere">
        Go to the <a href={routeHref({ page: 'overview' })}>overview</a>, or choose a page from
        the menu.
      </EmptyState>
    </>
  );
}
