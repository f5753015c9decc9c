import { describe, expect, test } from 'vitest';
import { countScale, labelled, sparklinePath, stack } from '../src/lib/chart';

describe('countScale', () => {
  test('has whole, round ticks', () => {
    expect(countScale(185)).toEqual({ max: 200, ticks: [0, 50, 100, 150, 200] });
    expect(countScale(7)).toEqual({ max: 8, ticks: [0, 2, 4, 6, 8] });
    expect(countScale(1)).toEqual({ max: 1, ticks: [0, 1] });
    expect(countScale(0)).toEqual({ max: 1, ticks: [0, 1] });
  });

  test('covers every value with few ticks', () => {
    for (let largest = 0; largest < 5_000; largest += 7) {
      const { max, ticks } = countScale(largest);
      expect(max).toBeGreaterThanOrEqual(largest);
      expect(ticks.length).toBeLessThanOrEqual(5);
      expect(ticks.every(Number.isInteger)).toBe(true);
      expect(ticks.at(-1)).toBe(max);
    }
  });
});

test('segments of a column stand on each other', () => {
  expect(stack([3, 0, 2])).toEqual([
    { bottom: 0, top: 3 },
    { bottom: 3, top: 3 },
    { bottom: 3, top: 5 },
  ]);
});

test('labels are spread evenly and never crowd', () => {
  expect(labelled(8, 10)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(labelled(25, 6)).toEqual([0, 5, 10, 15, 20]);
  expect(labelled(0, 6)).toEqual([]);
});

test('a sparkline ends at the right edge and grows to the left', () => {
  const box = { width: 100, height: 10 };
  expect(sparklinePath([0, 4], 11, box)).toBe('M90.0 10.0L100.0 0.0');
  expect(sparklinePath([], 11, box)).toBe('');
});
