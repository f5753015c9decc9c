import type { Token } from '../../api/types';
import { Button } from '../../components/button';
import { DataTable, type Column } from '../../components/data-table';
import { Moment } from '../../components/moment';
import { Pill } from '../../components/pill';

interface TokensTableProps {
  items: readonly Token[];
  onRevoke: (token: Token) => void;
}

export function TokensTable({ items, onRevoke }: TokensTableProps) {
  const columns: Column<Token>[] = [
    { header: 'Name', render: (token) => <TokenName token={token} /> },
    { header: 'State', render: (token) => <TokenState token={token} /> },
    { header: 'Namespace', render: ({ namespace }) => namespace },
    { header: 'Created', render: ({ createdAt }) => <Moment at={createdAt} /> },
    { header: 'Expires', render: ({ expiresAt }) => <Moment at={expiresAt} /> },
    { header: 'Last used', render: ({ lastUsedAt }) => <Moment at={lastUsedAt} /> },
    {
      header: 'Actions',
      align: 'end',
      render: (token) =>
        !token.revokedAt && (
          <div className="row-actions">
            <Button
              kind="danger"
              onClick={() => onRevoke(token)}
              aria-label={`Revoke ${token.name}`}
            >
              Revoke
            </Button>
          </div>
        ),
    },
  ];
  return <DataTable caption="Tokens" columns={columns} items={items} keyOf={({ id }) => id} />;
}

function TokenName({ token }: { token: Token }) {
  return (
    <div className="stack-small">
      <span className="strong">{token.name}</span>
      <span className="tags">
        {token.scopes.map((scope) => <code className="tag" key={scope}>{scope}</code>)}
      </span>
    </div>
  );
}

function TokenState({ token }: { token: Token }) {
  if (token.revokedAt) {
    return <Pill tone="bad">revoked</Pill>;
  }
  const expired = token.expiresAt ? Date.parse(token.expiresAt) <= Date.now() : false;
  return expired ? <Pill tone="warn">expired</Pill> : <Pill tone="good">active</Pill>;
}
