import type { Link } from '../../api/types';
import { Facts, type Fact } from '../../components/facts';
import { Moment } from '../../components/moment';
import { Section } from '../../components/section';
import { formatCount } from '../../lib/format';
import { LinkState } from '../links/link-state';

export function LinkFacts({ link }: { link: Link }) {
  const facts: Fact[] = [
    ['State', <LinkState link={link} />],
    ['Clicks', formatCount(link.clicks)],
    ['Redirect', link.redirect],
    ['Created', <Moment at={link.createdAt} />],
    ['Last click', <Moment at={link.clicks > 0 ? link.lastUsedAt : null} />],
    ['Expires', <Moment at={link.expiresAt} absent="6 months after its last use" />],
  ];
  if (link.title) facts.unshift(['Title', link.title]);
  if (link.validFrom) facts.push(['Starts', <Moment at={link.validFrom} />]);
  if (link.createdBy) facts.push(['Created by', link.createdBy]);
  if (link.tags.length > 0) facts.push(['Tags', link.tags.join(', ')]);
  return (
    <Section title="About">
      <Facts facts={facts} />
    </Section>
  );
}
