/** The pages and their addresses. Only the fragment changes, so any static host will do. */

export type Route =
  | { page: 'overview' }
  | { page: 'links' }
  | { page: 'transfer' }
  | { page: 'link'; code: string }
  | { page: 'namespaces' }
  | { page: 'tokens' }
  | { page: 'audit' }
  | { page: 'unknown' };

export function parseRoute(hash: string): Route {
  const path = hash.replace(/^#?\/?/, '');
  switch (path) {
    case '':
      return { page: 'overview' };
    case 'links':
    case 'transfer':
    case 'namespaces':
    case 'tokens':
    case 'audit':
      return { page: path };
    default:
      return parseLink(path);
  }
}

export function routeHref(route: Exclude<Route, { page: 'unknown' }>): string {
  switch (route.page) {
    case 'overview':
      return '#/';
    case 'link':
      return `#/links/${encodeURIComponent(route.code)}`;
    default:
      return `#/${route.page}`;
  }
}

function parseLink(path: string): Route {
  const code = /^links\/([^/]+)$/.exec(path)?.[1];
  if (code === undefined) {
    return { page: 'unknown' };
  }
  try {
    return { page: 'link', code: decodeURIComponent(code) };
  } catch {
    return { page: 'unknown' };
  }
}
