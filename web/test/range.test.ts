import { expect, test } from 'vitest';
import { bucketLabel, bucketStart, fillBuckets, rangeStart, ranges } from '../src/lib/range';

const now = Date.parse('2026-03-04T15:20:00Z');

test('buckets start on the hour, the day, Monday and the first, in UTC', () => {
  const starts = (['hour', 'day', 'week', 'month'] as const).map((bucket) =>
    bucketStart(new Date(now), bucket).toISOString(),
  );
  expect(starts).toEqual([
    '2026-03-04T15:00:00.000Z',
    '2026-03-04T00:00:00.000Z',
    '2026-03-02T00:00:00.000Z',
    '2026-03-01T00:00:00.000Z',
  ]);
});

test('a range reaches back to the start of a whole bucket', () => {
  expect(rangeStart(ranges.week, now).toISOString()).toBe('2026-02-25T00:00:00.000Z');
});

test('buckets that the server left out count zero, and none is lost', () => {
  const known = { at: '2026-03-02T00:00:00Z', people: 3, bots: 1, scans: 0 };
  const filled = fillBuckets([known], ranges.week, now);
  expect(filled).toHaveLength(8);
  expect(filled[5]).toEqual(known);
  expect(filled.filter(({ people }) => people > 0)).toHaveLength(1);
  expect(filled.at(-1)?.at).toBe('2026-03-04T00:00:00.000Z');
});

test('months of unequal length are each one bucket', () => {
  expect(fillBuckets([], ranges.year, now)).toHaveLength(13);
});

test('labels say as much as their bucket is long', () => {
  expect(bucketLabel('2026-03-04T15:00:00Z', 'hour')).toBe('15:00');
  expect(bucketLabel('2026-03-04T00:00:00Z', 'day')).toBe('Mar 4');
  expect(bucketLabel('2026-03-01T00:00:00Z', 'month')).toBe('Mar 26');
});
