import { formatAgo, formatMoment } from '../lib/format';

interface MomentProps {
  at: string | null | undefined;
  /** What to say where there is no such time. */
  absent?: string;
}

/** A point in time as a distance from now; the exact one on hover and to machines. */
export function Moment({ at, absent = 'never' }: MomentProps) {
  if (!at) {
    return <span className="faint">{absent}</span>;
  }
  return <time dateTime={at} title={formatMoment(at)}>{formatAgo(at, Date.now())}</time>;
}
