import type { ImportReport as Report } from '../../api/types';
import { DataTable, type Column } from '../../components/data-table';
import { formatCount, plural } from '../../lib/format';

const columns: Column<Report['refused'][number]>[] = [
  { header: 'Line', render: ({ line }) => formatCount(line) },
  { header: 'Why', render: ({ reason }) => reason },
];

export function ImportReport({ report, fileName }: { report: Report; fileName: string }) {
  const { imported, existing, refused } = report;
  return (
    <>
      <div className={`note ${refused.length > 0 ? '' : 'note-good'}`}>
        <div className="note-body">
          <strong>{`${plural(imported, 'link')} imported from ${fileName}`}</strong>
          <p>
            {formatCount(existing)} existed already, {formatCount(refused.length)} refused.
          </p>
        </div>
      </div>
      {refused.length > 0 && (
        <DataTable
          caption="Refused lines"
          columns={columns}
          items={refused}
          keyOf={({ line }, index) => `${line} ${index}`}
        />
      )}
    </>
  );
}
