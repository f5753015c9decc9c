/** The geometry of the charts: pure numbers in, pure numbers and SVG path text out. */

/** A value axis from zero: `max` is at or above every value, `ticks` include both ends. */
export interface Scale {
  max: number;
  ticks: number[];
}

/**
 * A scale whose ticks are whole and round: 1, 2 or 5 times a power of ten apart, at most `most`
 * intervals. Counts are whole, so the step is never below one.
 */
export function countScale(largest: number, most = 4): Scale {
  const step = Math.max(1, roundStep(Math.max(1, largest) / most));
  const intervals = Math.max(1, Math.ceil(largest / step));
  return {
    max: intervals * step,
    ticks: Array.from({ length: intervals + 1 }, (_, index) => index * step),
  };
}

/** The smallest of 1, 2, 5 times a power of ten that is at least `rough`. */
function roundStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= rough) ?? 10;
  return factor * power;
}

/** One bar of a stacked column: from `bottom` up to `top`, both in value units. */
export interface Segment {
  bottom: number;
  top: number;
}

/** Lays values on top of each other, first at the bottom. */
export function stack(values: readonly number[]): Segment[] {
  let level = 0;
  return values.map((value) => {
    const bottom = level;
    level += value;
    return { bottom, top: level };
  });
}

/** Which of `count` labels to draw so that at most `room` are, evenly and the first always. */
export function labelled(count: number, room: number): number[] {
  const every = Math.max(1, Math.ceil(count / Math.max(1, room)));
  return Array.from({ length: Math.ceil(count / every) }, (_, index) => index * every);
}

/** The box that a sparkline is drawn in. */
export interface Box {
  width: number;
  height: number;
}

/**
 * A line through `values`, newest at the right edge; `capacity` points fill the box, so that a
 * short history grows from the right instead of being stretched.
 */
export function sparklinePath(values: readonly number[], capacity: number, box: Box): string {
  const peak = Math.max(1, ...values);
  const step = box.width / Math.max(1, capacity - 1);
  return values
    .map((value, index) => {
      const x = box.width - (values.length - 1 - index) * step;
      const y = box.height - (value / peak) * box.height;
      return `${index === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`;
    })
    .join('');
}
