import type { IdStatus } from '../../api/types';
import { Facts, type Fact } from '../../components/facts';
import { formatCount, formatMicros } from '../../lib/format';

/** Where this process makes ids, and how it and its clock are. */
export function GeneratorFacts({ status }: { status: IdStatus }) {
  const { layout } = status;
  const place =
    status.machine === null ? 'none before the first id' : `${status.datacenter}/${status.machine}`;
  const sections = [
    layout.timestampBits, layout.datacenterBits, layout.machineBits, layout.sequenceBits,
  ];
  const facts: Fact[] = [
    ['Data centre and machine', place],
    ['Bits of time, data centre, machine, sequence', sections.join(' + ')],
    ['Time begins', new Date(layout.epochMs).toISOString()],
    ['Time ends', `in ${formatCount(Math.floor(status.epochLeftDays / 365))} years`],
    ['Clock was set', setBy(status.clockStepUs)],
  ];
  return <Facts facts={facts} />;
}

function setBy(stepUs: number): string {
  if (Math.abs(stepUs) < 1_000) {
    return 'not noticeably';
  }
  return `${formatMicros(Math.abs(stepUs))} ${stepUs > 0 ? 'ahead' : 'back'}`;
}
