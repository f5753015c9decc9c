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

/** What an id is written as, and how it is made. */
export type IdKind = 'decimal' | 'hex' | 'base32' | 'base62' | 'uuid4' | 'uuid7' | 'ulid';

/** Ids that a reader wants. */
export interface IdWish {
  kind: IdKind;
  count: number;
  /** Written in front; empty for none. */
  type: string;
  /** Whether they are to show neither time nor place. */
  hidden: boolean;
}

export function idsPath({ kind, count, type, hidden }: IdWish): string {
  switch (kind) {
    case 'uuid4':
    case 'uuid7':
      return `/ids/uuids${query({ version: kind.slice(4), count })}`;
    case 'ulid':
      return `/ids/ulids${query({ count })}`;
    default: {
      const form = kind === 'decimal' ? undefined : kind;
      return `/ids/ids${query({ count, form, type, public: hidden ? 'true' : undefined })}`;
    }
  }
}

export function decodePath(id: string, hidden: boolean): string {
  return `/ids/decode/${encodeURIComponent(id)}${query({ public: hidden ? 'true' : undefined })}`;
}

export function ruleFilePath(file: string, part = ''): string {
  return `/limiter/rules/${encodeURIComponent(file)}${part}`;
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
