/** From what a person typed into the form to what the server is asked for. */
import type { Link, LinkChange, LinkRequest, RedirectKind } from '../api/types';

/** The form's fields the way inputs hold them. */
export interface LinkFields {
  longUrl: string;
  alias: string;
  domain: string;
  title: string;
  tags: string;
  validFrom: string;
  expires: string;
  password: string;
  maxVisits: string;
  redirect: string;
  forwardQuery: boolean;
  private: boolean;
  /** Of a link that has one: take it away. */
  dropPassword: boolean;
}

export const emptyLinkFields: LinkFields = {
  longUrl: '',
  alias: '',
  domain: '',
  title: '',
  tags: '',
  validFrom: '',
  expires: '',
  password: '',
  maxVisits: '',
  redirect: '',
  forwardQuery: false,
  private: false,
  dropPassword: false,
};

/** `a, b,,c ` as `[a, b, c]`; said twice counts once. */
export function parseTags(text: string): string[] {
  return [...new Set(text.split(',').map((tag) => tag.trim()).filter(Boolean))];
}

/** What a `datetime-local` input holds, in the reader's time zone, as RFC 3339 in UTC. */
export function localToInstant(local: string): string | null {
  const time = Date.parse(local);
  return Number.isNaN(time) ? null : new Date(time).toISOString();
}

/** The reverse: an instant as a `datetime-local` input wants it. */
export function instantToLocal(instant: string | null | undefined): string {
  const time = Date.parse(instant ?? '');
  if (Number.isNaN(time)) {
    return '';
  }
  const offsetMs = new Date(time).getTimezoneOffset() * 60_000;
  return new Date(time - offsetMs).toISOString().slice(0, 16);
}

/** Only what was filled in is sent, so that the server's defaults hold for the rest. */
export function toLinkRequest(fields: LinkFields): LinkRequest {
  const request: LinkRequest = { longUrl: fields.longUrl.trim() };
  const tags = parseTags(fields.tags);
  const validFrom = localToInstant(fields.validFrom);
  const expires = localToInstant(fields.expires);
  if (fields.alias.trim()) request.alias = fields.alias.trim();
  if (fields.domain.trim()) request.domain = fields.domain.trim();
  if (fields.title.trim()) request.title = fields.title.trim();
  if (tags.length > 0) request.tags = tags;
  if (validFrom !== null) request.validFrom = validFrom;
  if (expires !== null) request.expires = expires;
  if (fields.password) request.password = fields.password;
  if (fields.maxVisits) request.maxVisits = Number(fields.maxVisits);
  if (fields.redirect) request.redirect = toRedirect(fields.redirect);
  if (fields.forwardQuery) request.forwardQuery = true;
  if (fields.private) request.private = true;
  return request;
}

/** Only what differs from `before` is sent; an emptied field is cleared by null. */
export function toLinkChange(before: LinkFields, after: LinkFields): LinkChange {
  const change: LinkChange = {};
  const changed = (name: keyof LinkFields) => before[name] !== after[name];
  if (changed('longUrl')) change.longUrl = after.longUrl.trim();
  if (changed('title')) change.title = after.title.trim() || null;
  if (changed('tags')) change.tags = parseTags(after.tags);
  if (changed('validFrom')) change.validFrom = localToInstant(after.validFrom);
  if (changed('expires')) change.expires = localToInstant(after.expires);
  if (after.dropPassword) change.password = null;
  else if (after.password) change.password = after.password;
  if (changed('maxVisits')) change.maxVisits = after.maxVisits ? Number(after.maxVisits) : null;
  if (changed('redirect')) change.redirect = toRedirect(after.redirect);
  if (changed('forwardQuery')) change.forwardQuery = after.forwardQuery;
  return change;
}

function toRedirect(text: string): RedirectKind {
  return Number(text) as RedirectKind;
}

/** A link as the form that changes it starts out. */
export function fieldsOf(link: Link): LinkFields {
  return {
    ...emptyLinkFields,
    longUrl: link.longUrl,
    title: link.title ?? '',
    tags: link.tags.join(', '),
    validFrom: instantToLocal(link.validFrom),
    expires: instantToLocal(link.expiresAt),
    maxVisits: link.maxVisits ? String(link.maxVisits) : '',
    redirect: String(link.redirect),
    forwardQuery: link.forwardQuery,
  };
}
