/** Whether a link leads on, in a word. Pure: the current time is an argument. */
import type { Link } from '../api/types';

export interface LinkStatus {
  word: 'active' | 'waiting' | 'expired' | 'used up' | 'blocked' | 'deleted';
  tone: 'good' | 'warn' | 'bad';
}

type Dated = Pick<Link, 'state' | 'validFrom' | 'expiresAt' | 'visitsLeft'>;

/** A link's own state first, then what its dates and its count of visits make of it. */
export function linkStatus(link: Dated, nowMs: number): LinkStatus {
  if (link.state !== 'active') {
    return { word: link.state, tone: 'bad' };
  }
  if (link.visitsLeft === 0) {
    return { word: 'used up', tone: 'warn' };
  }
  if (link.expiresAt && Date.parse(link.expiresAt) <= nowMs) {
    return { word: 'expired', tone: 'warn' };
  }
  if (link.validFrom && Date.parse(link.validFrom) > nowMs) {
    return { word: 'waiting', tone: 'warn' };
  }
  return { word: 'active', tone: 'good' };
}
