import type { LimitRule, LimitRules } from '../../api/types';
import { DataTable, type Column } from '../../components/data-table';
import { EmptyState } from '../../components/empty-state';
import { Pill } from '../../components/pill';
import { formatCount, formatDuration } from '../../lib/format';

/** The rules in force with what each decided, under the reason why newer ones are not. */
export function RulesTable({ rules }: { rules: LimitRules }) {
  return (
    <>
      {rules.refused && (
        <div className="note note-problem" role="alert">
          <div className="note-body">
            <strong>The rule files are refused; those before stay in force.</strong>
            <p>{rules.refused}</p>
          </div>
        </div>
      )}
      {rules.rules.length === 0 ? (
        <EmptyState title="No rules, no limits">
          Write a rule file below: what no rule names always passes.
        </EmptyState>
      ) : (
        <DataTable
          caption="Rules and what they decided"
          columns={columns}
          items={rules.rules}
          keyOf={(rule, index) => `${rule.rule} ${index}`}
        />
      )}
    </>
  );
}

const count = (value: number) => (value === 0 ? '0' : formatCount(value));

const columns: Column<LimitRule>[] = [
  {
    header: 'Rule',
    render: ({ rule, shadow }) => (
      <span className="with-pill">
        <code>{rule}</code>
        {shadow && <Pill tone="calm">only reports</Pill>}
      </span>
    ),
  },
  { header: 'Limit', render: (rule) => limitOf(rule) },
  { header: 'Allowed', align: 'end', render: ({ allowed }) => count(allowed) },
  { header: 'Denied', align: 'end', render: ({ denied }) => count(denied) },
  { header: 'Kept for later', align: 'end', render: ({ queued }) => count(queued) },
  { header: 'Without store', align: 'end', render: ({ failed }) => count(failed) },
];

function limitOf({ requestsPerUnit, periodS }: LimitRule): string {
  if (requestsPerUnit === null || requestsPerUnit === undefined) {
    return 'none';
  }
  return periodS ? `${formatCount(requestsPerUnit)} in ${formatDuration(periodS)}`
    : `${formatCount(requestsPerUnit)} at once`;
}
