import { useState } from 'react';
import type { NewToken, Token } from '../../api/types';
import { Command } from '../../components/command';
import { ConfirmDialog } from '../../components/confirm-dialog';
import { EmptyState } from '../../components/empty-state';
import { Loaded } from '../../components/loaded';
import { MoreButton } from '../../components/more-button';
import { PageHeader } from '../../components/page-header';
import { Section } from '../../components/section';
import { useConsole } from '../../console';
import { usePages } from '../../hooks/use-pages';
import { NewSecret } from './new-secret';
import { TokenForm } from './token-form';
import { TokensTable } from './tokens-table';

export function TokensPage() {
  const { api, announce } = useConsole();
  const [made, setMade] = useState<NewToken | null>(null);
  const [revoking, setRevoking] = useState<Token | null>(null);
  const tokens = usePages('tokens', (cursor, signal) => api.tokens(cursor, signal));

  const onMade = (token: NewToken) => {
    setMade(token);
    announce(`Made the token ${token.name}. Copy its secret now.`);
    tokens.reload();
  };
  return (
    <>
      <PageHeader title="Tokens">
        A token lets a program in, to one namespace and within its scopes.
      </PageHeader>
      <Section title="New token">
        {made && <NewSecret token={made} onDone={() => setMade(null)} />}
        <TokenForm onMade={onMade} />
      </Section>
      <Section title="All tokens">
        <Loaded data={tokens.items} problem={tokens.problem} onRetry={tokens.reload}>
          {(items) => <List items={items} onRevoke={setRevoking} />}
        </Loaded>
        <MoreButton pages={tokens} noun="tokens" />
        <Command request={{ path: '/platform/tokens' }} />
      </Section>
      {revoking && (
        <RevokeDialog
          token={revoking}
          onDone={tokens.reload}
          onClose={() => setRevoking(null)}
        />
      )}
    </>
  );
}

interface ListProps {
  items: readonly Token[];
  onRevoke: (token: Token) => void;
}

function List({ items, onRevoke }: ListProps) {
  if (items.length === 0) {
    return (
      <EmptyState title="No tokens yet">
        Make one above and give it to a program as its bearer token.
      </EmptyState>
    );
  }
  return <TokensTable items={items} onRevoke={onRevoke} />;
}

interface RevokeDialogProps {
  token: Token;
  onDone: () => void;
  onClose: () => void;
}

function RevokeDialog({ token, onDone, onClose }: RevokeDialogProps) {
  const { api, announce } = useConsole();
  const revoke = async () => {
    await api.revokeToken(token.id);
    announce(`Revoked ${token.name}`);
    onDone();
  };
  return (
    <ConfirmDialog
      title={`Revoke ${token.name}?`}
      verb="Revoke"
      request={{ path: `/platform/tokens/${encodeURIComponent(token.id)}`, method: 'DELETE' }}
      onConfirm={revoke}
      onClose={onClose}
    >
      <p>
        Programs that present <strong>{token.name}</strong> are refused from now on. This cannot
        be undone.
      </p>
    </ConfirmDialog>
  );
}
