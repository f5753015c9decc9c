/** The addresses of the API that both the client and the commands shown need. */
import type { LinkName } from '../api/types';

type Query = Record<string, string | number | undefined>;

export function namespacePath(name: string): string {
  return `/platform/namespaces/${encodeURIComponent(name)}`;
}

/** A link's own address or, with `part`, that of something about it. */
export function linkPath(link: LinkName, part = '', parameters: Query = {}): string {
  const path = `/shortener/shorturls/${encodeURIComponent(link.code)}${part}`;
  return path + query({ domain: link.domain ?? undefined, ...parameters });
}

/** A query of what is set; times stay readable, as colons may stand in a query. */
export function query(parameters: Query): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== '') {
      search.set(name, String(value));
    }
  }
  return search.size > 0 ? `?${search.toString().replaceAll('%3A', ':')}` : '';
}
