import { sparklinePath } from '../lib/chart';
import { historyCapacity } from '../lib/history';

interface SparklineProps {
  values: readonly number[];
  size?: 'small' | 'large';
}

const boxes = { small: { width: 96, height: 24 }, large: { width: 240, height: 40 } };

/** The course of a figure over the last two minutes; the figure itself stands beside it. */
export function Sparkline({ values, size = 'small' }: SparklineProps) {
  const box = boxes[size];
  return (
    <svg
      className={`sparkline sparkline-${size}`}
      viewBox={`0 -2 ${box.width} ${box.height + 4}`}
      preserveAspectRatio="none"
      aria-hidden="true"
      focusable="false"
    >
      <line x1="0" x2={box.width} y1={box.height} y2={box.height} />
      <path d={sparklinePath(values, historyCapacity, box)} />
    </svg>
  );
}
