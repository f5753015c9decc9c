import { expect, test } from 'vitest';
import { parseRoute, routeHref } from '../src/lib/route';

test('an address leads to its page and back', () => {
  const routes = [
    { page: 'overview' },
    { page: 'links' },
    { page: 'transfer' },
    { page: 'link', link: { code: 'zn9edcu' } },
    { page: 'link', link: { code: 'spring', domain: 'go.example.com' } },
    { page: 'link', link: { code: 'ä b/c?@' } },
    { page: 'namespaces' },
    { page: 'tokens' },
    { page: 'audit' },
  ] as const;
  for (const route of routes) {
    expect(parseRoute(routeHref(route))).toEqual(route);
  }
});

test('anything else is unknown, not an error', () => {
  for (const hash of ['#/nothing', '#/links/', '#/links/a/b', '#/links/a@b@c', '#/links/%zz']) {
    expect(parseRoute(hash)).toEqual({ page: 'unknown' });
  }
  expect(parseRoute('')).toEqual({ page: 'overview' });
});
