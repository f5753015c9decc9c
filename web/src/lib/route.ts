/** The pages and their addresses. Only the fragment changes, so any static host will do. */

import type { LinkName } from '../api/types';

export type Route =
  | { page: 'overview' }
  | { page: 'links' }
  | { page: 'transfer' }
  | { page: 'link'; link: LinkName }
  | { page: 'ids' }
  | { page: 'limits' }
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
    case 'ids':
    case 'limits':
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
      return `#/links/${linkText(route.link).map(encodeURIComponent).join('@')}`;
    default:
      return `#/${route.page}`;
  }
}

/** A code, and after it the branded domain if there is one. */
function linkText({ code, domain }: LinkName): string[] {
  return domain ? [code, domain] : [code];
}

function parseLink(path: string): Route {
  const [, code, domain] = /^links\/([^/@]+)(?:@([^/@]+))?$/.exec(path) ?? [];
  if (code === undefined) {
    return { page: 'unknown' };
  }
  try {
    const named = { code: decodeURIComponent(code) };
    const link = domain ? { ...named, domain: decodeURIComponent(domain) } : named;
    return { page: 'link', link };
  } catch {
    return { page: 'unknown' };
  }
}
