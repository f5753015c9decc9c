import type { Link } from '../../api/types';
import { Pill } from '../../components/pill';
import { linkStatus } from '../../lib/link-status';

/** Whether the link leads on, and what it asks of those who follow it. */
export function LinkState({ link }: { link: Link }) {
  const { word, tone } = linkStatus(link, Date.now());
  return (
    <span className="pills">
      <Pill tone={tone}>{word}</Pill>
      {link.passwordProtected && <Pill tone="calm">password</Pill>}
      {link.maxVisits ? <Pill tone="calm">{visitsText(link)}</Pill> : null}
    </span>
  );
}

function visitsText({ maxVisits, visitsLeft }: Link): string {
  return `${visitsLeft ?? maxVisits} of ${maxVisits} visits left`;
}
