import { routeHref, type Route } from '../lib/route';
import { Icon, type IconName } from './icon';

type NavPage = 'overview' | 'links' | 'ids' | 'limits' | 'namespaces' | 'tokens' | 'audit';

const groups: { title: string | null; items: { page: NavPage; label: string }[] }[] = [
  { title: null, items: [{ page: 'overview', label: 'Overview' }] },
  { title: 'Services', items: [{ page: 'links', label: 'Short links' }] },
  {
    title: 'Engines',
    items: [
      { page: 'ids', label: 'Ids' },
      { page: 'limits', label: 'Rate limits' },
    ],
  },
  {
    title: 'Platform',
    items: [
      { page: 'namespaces', label: 'Namespaces' },
      { page: 'tokens', label: 'Tokens' },
      { page: 'audit', label: 'Audit' },
    ],
  },
];

interface NavProps {
  route: Route;
  onNavigate: () => void;
}

export function Nav({ route, onNavigate }: NavProps) {
  return (
    <nav aria-label="Pages">
      {groups.map((group) => (
        <div className="nav-group" key={group.title ?? ''}>
          {group.title && <p className="nav-title">{group.title}</p>}
          <ul>
            {group.items.map(({ page, label }) => (
              <li key={page}>
                <a
                  href={routeHref({ page })}
                  aria-current={partOf(route) === page ? 'page' : undefined}
                  onClick={onNavigate}
                >
                  <Icon name={page satisfies IconName} />
                  {label}
                </a>
              </li>
            ))}
          </ul>
        </div>
      ))}
    </nav>
  );
}

/** A link's own page and the transfer page are parts of the short links. */
function partOf(route: Route): Route['page'] {
  return route.page === 'link' || route.page === 'transfer' ? 'links' : route.page;
}
