import { expect, test } from 'vitest';
import {
  formatAgo, formatBytes, formatCount, formatDuration, formatMicros, formatRate, formatShare,
  plural,
} from '../src/lib/format';

test('counts are grouped, and shortened once the digits no longer matter', () => {
  expect(formatCount(0)).toBe('0');
  expect(formatCount(1234)).toBe('1,234');
  expect(formatCount(99_999)).toBe('99,999');
  expect(formatCount(1_250_000)).toBe('1.3M');
});

test('rates keep a decimal only while it means something', () => {
  expect(formatRate(0)).toBe('0');
  expect(formatRate(0.01)).toBe('<0.1');
  expect(formatRate(0.44)).toBe('0.4');
  expect(formatRate(9.96)).toBe('10');
  expect(formatRate(3400.2)).toBe('3,400');
});

test('latencies take the largest unit that stays at one or above', () => {
  expect(formatMicros(null)).toBe('–');
  expect(formatMicros(84)).toBe('84 µs');
  expect(formatMicros(1_240)).toBe('1.2 ms');
  expect(formatMicros(45_600)).toBe('46 ms');
  expect(formatMicros(2_500_000)).toBe('2.5 s');
});

test('sizes are binary', () => {
  expect(formatBytes(0)).toBe('0 B');
  expect(formatBytes(1023)).toBe('1023 B');
  expect(formatBytes(1536)).toBe('1.5 KiB');
  expect(formatBytes(24 * 1024 * 1024)).toBe('24 MiB');
});

test('durations show their two largest units', () => {
  expect(formatDuration(0.4)).toBe('0 s');
  expect(formatDuration(45)).toBe('45 s');
  expect(formatDuration(200)).toBe('3 min 20 s');
  expect(formatDuration(3600)).toBe('1 h');
  expect(formatDuration(4 * 86_400 + 3600 + 59)).toBe('4 d 1 h');
});

test('times are told as a distance from now, in both directions', () => {
  const now = Date.parse('2026-01-10T12:00:00Z');
  expect(formatAgo('2026-01-10T11:59:30Z', now)).toBe('just now');
  expect(formatAgo('2026-01-10T11:57:00Z', now)).toBe('3 minutes ago');
  expect(formatAgo('2026-01-12T12:00:00Z', now)).toBe('in 2 days');
  expect(formatAgo('soon', now)).toBe('soon');
});

test('a share of nothing is nothing', () => {
  expect(formatShare(1, 3)).toBe('33 %');
  expect(formatShare(0, 0)).toBe('0 %');
});

test('one is singular', () => {
  expect(plural(1, 'link')).toBe('1 link');
  expect(plural(0, 'link')).toBe('0 links');
});
