import type { BucketSize, ClickBucket } from '../../api/types';
import { DataTable, type Column } from '../../components/data-table';
import { formatCount } from '../../lib/format';
import { bucketLabel } from '../../lib/range';

interface ClickTableProps {
  buckets: readonly ClickBucket[];
  bucket: BucketSize;
}

export function ClickTable({ buckets, bucket }: ClickTableProps) {
  const columns: Column<ClickBucket>[] = [
    { header: 'From', render: ({ at }) => bucketLabel(at, bucket) },
    { header: 'People', align: 'end', render: ({ people }) => formatCount(people) },
    { header: 'Bots', align: 'end', render: ({ bots }) => formatCount(bots) },
    { header: 'By QR code', align: 'end', render: ({ scans }) => formatCount(scans) },
  ];
  return (
    <DataTable
      caption={`Clicks by ${bucket}`}
      columns={columns}
      items={buckets}
      keyOf={({ at }) => at}
    />
  );
}
