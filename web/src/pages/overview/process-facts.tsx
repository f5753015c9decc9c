import type { Overview } from '../../api/types';
import { Facts, type Fact } from '../../components/facts';
import { Section } from '../../components/section';
import { formatBytes, formatCount, formatDuration } from '../../lib/format';

interface ProcessFactsProps {
  now: Overview;
  /** The reading before, for what is only known as a difference. */
  before: Overview | null;
}

export function ProcessFacts({ now, before }: ProcessFactsProps) {
  const facts: Fact[] = [
    ['Version', now.version],
    ['Mode', now.mode],
    ['Up for', formatDuration(now.uptimeSeconds)],
    ['Namespaces', formatCount(now.namespaces)],
    ['Memory', formatBytes(now.process.rssBytes)],
    ['Processor', processorShare(now, before)],
    ['Processor time', `${now.process.cpuSeconds.toFixed(1)} s`],
    ['Threads', formatCount(now.process.threads)],
  ];
  return (
    <Section title="Process">
      <Facts facts={facts} />
    </Section>
  );
}

/** The share of one core used between two readings. */
function processorShare(now: Overview, before: Overview | null): string {
  const seconds = now.uptimeSeconds - (before?.uptimeSeconds ?? now.uptimeSeconds);
  if (before === null || seconds <= 0) {
    return '–';
  }
  const used = now.process.cpuSeconds - before.process.cpuSeconds;
  return `${Math.max(0, (used / seconds) * 100).toFixed(1)} % of a core`;
}
