/** The spans of time that a chart of clicks can show. Pure: the current time is an argument. */
import type { BucketSize, ClickBucket } from '../api/types';

export interface Range {
  label: string;
  seconds: number;
  bucket: BucketSize;
}

const day = 86_400;

export const ranges = {
  day: { label: '24 hours', seconds: day, bucket: 'hour' },
  week: { label: '7 days', seconds: 7 * day, bucket: 'day' },
  month: { label: '30 days', seconds: 30 * day, bucket: 'day' },
  year: { label: '12 months', seconds: 365 * day, bucket: 'month' },
} as const satisfies Record<string, Range>;

export type RangeName = keyof typeof ranges;

/** The start of the bucket that `at` falls in, in UTC; weeks start on Monday. */
export function bucketStart(at: Date, bucket: BucketSize): Date {
  const start = new Date(at);
  start.setUTCMinutes(0, 0, 0);
  if (bucket === 'hour') {
    return start;
  }
  start.setUTCHours(0);
  if (bucket === 'week') {
    start.setUTCDate(start.getUTCDate() - ((start.getUTCDay() + 6) % 7));
  }
  if (bucket === 'month') {
    start.setUTCDate(1);
  }
  return start;
}

/** The start of the bucket after the one that starts at `start`. */
export function nextBucket(start: Date, bucket: BucketSize): Date {
  const next = new Date(start);
  switch (bucket) {
    case 'hour':
      next.setUTCHours(next.getUTCHours() + 1);
      break;
    case 'day':
      next.setUTCDate(next.getUTCDate() + 1);
      break;
    case 'week':
      next.setUTCDate(next.getUTCDate() + 7);
      break;
    case 'month':
      next.setUTCMonth(next.getUTCMonth() + 1);
      break;
  }
  return next;
}

/** The first instant shown: the whole bucket that the range reaches back into. */
export function rangeStart(range: Range, nowMs: number): Date {
  return bucketStart(new Date(nowMs - range.seconds * 1000), range.bucket);
}

/** Every bucket of the range in order; those that the server left out count zero. */
export function fillBuckets(
  buckets: readonly ClickBucket[],
  range: Range,
  nowMs: number,
): ClickBucket[] {
  const known = new Map<number, ClickBucket>();
  for (const bucket of buckets) {
    known.set(bucketStart(new Date(bucket.at), range.bucket).getTime(), bucket);
  }
  const filled: ClickBucket[] = [];
  let at = rangeStart(range, nowMs);
  while (at.getTime() <= nowMs) {
    const zero = { at: at.toISOString(), people: 0, bots: 0, scans: 0 };
    filled.push(known.get(at.getTime()) ?? zero);
    at = nextBucket(at, range.bucket);
  }
  return filled;
}

/** A bucket's name on the axis, in UTC like its bounds. */
export function bucketLabel(at: string, bucket: BucketSize): string {
  const options: Intl.DateTimeFormatOptions =
    bucket === 'hour'
      ? { hour: '2-digit', minute: '2-digit', hour12: false }
      : bucket === 'month'
        ? { month: 'short', year: '2-digit' }
        : { day: 'numeric', month: 'short' };
  return new Intl.DateTimeFormat('en', { ...options, timeZone: 'UTC' }).format(new Date(at));
}
