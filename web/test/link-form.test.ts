import { expect, test } from 'vitest';
import type { Link } from '../src/api/types';
import {
  emptyLinkFields, fieldsOf, parseTags, toLinkChange, toLinkRequest,
} from '../src/lib/link-form';

const link: Link = {
  shortURL: 'http://127.0.0.1:8080/2TX',
  code: '2TX',
  longUrl: 'https://example.com/',
  title: 'Example',
  tags: ['a', 'b'],
  createdAt: '2026-03-01T00:00:00Z',
  updatedAt: '2026-03-01T00:00:00Z',
  createdBy: '',
  lastUsedAt: '2026-03-01T00:00:00Z',
  forwardQuery: false,
  expiresAt: '2026-09-01T12:30:45Z',
  clicks: 0,
  redirect: 302,
  passwordProtected: false,
  state: 'active',
};

test('tags are trimmed, and said twice count once', () => {
  expect(parseTags(' a, b,,a ')).toEqual(['a', 'b']);
});

test('only what was filled in is sent', () => {
  const fields = { ...emptyLinkFields, longUrl: ' https://example.com/ ' };
  expect(toLinkRequest(fields)).toEqual({ longUrl: 'https://example.com/' });
  expect(toLinkRequest({ ...fields, maxVisits: '1', redirect: '301', tags: 'x' })).toEqual({
    longUrl: 'https://example.com/',
    maxVisits: 1,
    redirect: 301,
    tags: ['x'],
  });
});

test('an untouched form changes nothing, not even seconds that its inputs cannot show', () => {
  expect(toLinkChange(fieldsOf(link), fieldsOf(link))).toEqual({});
});

test('an emptied field is cleared and a changed one is sent', () => {
  const before = fieldsOf(link);
  const after = { ...before, title: '', tags: 'b', redirect: '301' };
  expect(toLinkChange(before, after)).toEqual({ title: null, tags: ['b'], redirect: 301 });
});

test('a password stays unless another is given or it is taken away', () => {
  const before = fieldsOf({ ...link, passwordProtected: true });
  expect(toLinkChange(before, { ...before, password: 'new' })).toEqual({ password: 'new' });
  expect(toLinkChange(before, { ...before, dropPassword: true })).toEqual({ password: null });
});
