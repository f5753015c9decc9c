import type { BucketSize, ClickBucket } from '../../api/types';
import { useWidth } from '../../hooks/use-width';
import { countScale, labelled, stack } from '../../lib/chart';
import { formatCount, plural } from '../../lib/format';
import { bucketLabel } from '../../lib/range';

interface ClickChartProps {
  buckets: readonly ClickBucket[];
  bucket: BucketSize;
}

const height = 220;
const margin = { top: 12, right: 8, bottom: 28, left: 44 };
const labelWidth = 72;
const series = ['people', 'bots'] as const;

/**
 * Columns of clicks over time, people under bots; a narrow column in front shows how many of both
 * came by QR code. The table in its place holds the same figures as text.
 */
export function ClickChart({ buckets, bucket }: ClickChartProps) {
  const [box, width] = useWidth(640);
  const sums = buckets.map(({ people, bots }) => people + bots);
  const scale = countScale(Math.max(0, ...sums));
  const inner = { width: width - margin.left - margin.right };
  const floor = height - margin.bottom;
  const y = (value: number) => floor - (value / scale.max) * (floor - margin.top);
  const slot = inner.width / Math.max(1, buckets.length);
  const total = sums.reduce((sum, value) => sum + value, 0);
  return (
    <div className="chart" ref={box}>
      <svg
        width={width}
        height={height}
        role="img"
        aria-label={`${plural(total, 'click')} over ${buckets.length} ${bucket}s`}
      >
        {scale.ticks.map((tick) => (
          <g key={tick} className="chart-tick">
            <line x1={margin.left} x2={width - margin.right} y1={y(tick)} y2={y(tick)} />
            <text x={margin.left - 8} y={y(tick) + 4} textAnchor="end">{formatCount(tick)}</text>
          </g>
        ))}
        {buckets.map((item, index) => (
          <Column
            key={item.at}
            item={item}
            label={bucketLabel(item.at, bucket)}
            left={margin.left + index * slot + slot * 0.15}
            width={slot * 0.7}
            y={y}
          />
        ))}
        {labelled(buckets.length, Math.floor(inner.width / labelWidth)).map((index) => (
          <text
            key={index}
            className="chart-label"
            x={margin.left + (index + 0.5) * slot}
            y={height - 8}
            textAnchor="middle"
          >
            {bucketLabel(buckets[index]?.at ?? '', bucket)}
          </text>
        ))}
      </svg>
    </div>
  );
}

interface ColumnProps {
  item: ClickBucket;
  label: string;
  left: number;
  width: number;
  y: (value: number) => number;
}

function Column({ item, label, left, width, y }: ColumnProps) {
  const segments = stack(series.map((name) => item[name]));
  return (
    <g>
      <title>
        {`${label}: ${item.people} people, ${item.bots} bots; ${item.scans} by QR code`}
      </title>
      {segments.map(({ bottom, top }, index) =>
        top > bottom && (
          <rect
            key={series[index]}
            className={`bar-${series[index]}`}
            x={left}
            width={width}
            y={y(top)}
            height={y(bottom) - y(top)}
          />
        ),
      )}
      {item.scans > 0 && (
        <rect
          className="bar-scans"
          x={left + width * 0.35}
          width={width * 0.3}
          y={y(item.scans)}
          height={y(0) - y(item.scans)}
        />
      )}
    </g>
  );
}
