import type { Link } from '../../api/types';
import { Pill, type PillTone } from '../../components/pill';

const tones: Record<string, PillTone> = {
  active: 'good',
  expired: 'warn',
  blocked: 'bad',
  deleted: 'bad',
};

/** Whether the link leads on, and what it asks of those who follow it. */
export function LinkState({ link }: { link: Link }) {
  return (
    <span className="pills">
      <Pill tone={tones[link.state] ?? 'calm'}>{link.state}</Pill>
      {link.passwordProtected && <Pill tone="calm">password</Pill>}
      {link.maxVisits ? <Pill tone="calm">{`at most ${link.maxVisits}`}</Pill> : null}
    </span>
  );
}
