import type { Namespace } from '../../api/types';
import { Button } from '../../components/button';
import { DataTable, type Column } from '../../components/data-table';
import { Moment } from '../../components/moment';
import { Pill } from '../../components/pill';
import { formatBytes } from '../../lib/format';
import type { NamespaceDeed } from './namespace-dialogs';

interface NamespacesTableProps {
  items: readonly Namespace[];
  onDeed: (deed: NamespaceDeed) => void;
}

export function NamespacesTable({ items, onDeed }: NamespacesTableProps) {
  const columns: Column<Namespace>[] = [
    { header: 'Name', render: ({ name }) => <span className="strong">{name}</span> },
    {
      header: 'State',
      render: ({ open }) => (
        <Pill tone={open ? 'good' : 'calm'}>{open ? 'open' : 'closed'}</Pill>
      ),
    },
    { header: 'Created', render: ({ createdAt }) => <Moment at={createdAt} absent="–" /> },
    { header: 'Size', align: 'end', render: ({ bytes }) => formatBytes(bytes) },
    {
      header: 'Actions',
      align: 'end',
      render: ({ name }) => <Deeds name={name} onDeed={onDeed} />,
    },
  ];
  return (
    <DataTable caption="Namespaces" columns={columns} items={items} keyOf={({ name }) => name} />
  );
}

interface DeedsProps {
  name: string;
  onDeed: (deed: NamespaceDeed) => void;
}

function Deeds({ name, onDeed }: DeedsProps) {
  return (
    <div className="row-actions">
      <Button onClick={() => onDeed({ kind: 'fork', name })} aria-label={`Fork ${name}`}>
        Fork
      </Button>
      <Button onClick={() => onDeed({ kind: 'reset', name })} aria-label={`Reset ${name}`}>
        Reset
      </Button>
      <Button
        kind="danger"
        onClick={() => onDeed({ kind: 'drop', name })}
        aria-label={`Drop ${name}`}
      >
        Drop
      </Button>
    </div>
  );
}
