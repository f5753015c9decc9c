import { expect, test } from 'vitest';
import { linkStatus } from '../src/lib/link-status';

const now = Date.parse('2026-03-01T12:00:00Z');
const word = (link: Partial<Parameters<typeof linkStatus>[0]>) =>
  linkStatus({ state: 'active', ...link }, now).word;

test('a link is what its state, its visits and its dates make of it, in that order', () => {
  expect(word({})).toBe('active');
  expect(word({ expiresAt: '2026-03-01T12:00:00Z' })).toBe('expired');
  expect(word({ expiresAt: '2026-03-01T12:00:01Z' })).toBe('active');
  expect(word({ validFrom: '2026-03-02T00:00:00Z' })).toBe('waiting');
  expect(word({ visitsLeft: 0, expiresAt: '2026-01-01T00:00:00Z' })).toBe('used up');
  expect(word({ state: 'blocked', visitsLeft: 0 })).toBe('blocked');
});
