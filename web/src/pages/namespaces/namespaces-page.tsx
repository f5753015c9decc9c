import { useState } from 'react';
import type { Namespace } from '../../api/types';
import { Command } from '../../components/command';
import { EmptyState } from '../../components/empty-state';
import { Loaded } from '../../components/loaded';
import { PageHeader } from '../../components/page-header';
import { Section } from '../../components/section';
import { useConsole } from '../../console';
import { useResource } from '../../hooks/use-resource';
import { NameForm } from './name-form';
import { NamespaceDialogs, type NamespaceDeed } from './namespace-dialogs';
import { NamespacesTable } from './namespaces-table';

export function NamespacesPage() {
  const { api, announce } = useConsole();
  const [deed, setDeed] = useState<NamespaceDeed | null>(null);
  const namespaces = useResource('namespaces', (signal) => api.namespaces(signal));

  const create = async (name: string) => {
    await api.createNamespace(name);
    announce(`Created the namespace ${name}`);
    namespaces.reload();
  };
  return (
    <>
      <PageHeader title="Namespaces">
        A namespace holds its own state of every system. The credential that a client presents
        chooses it, so each test or tenant has one to itself.
      </PageHeader>
      <Section title="New namespace">
        <NameForm
          label="Name"
          verb="Create"
          onName={create}
          request={(name) => ({ path: '/platform/namespaces', json: { name } })}
        />
      </Section>
      <Section title="All namespaces">
        <Loaded {...namespaces} onRetry={namespaces.reload}>
          {(page) => <List items={page.items} onDeed={setDeed} />}
        </Loaded>
        <Command request={{ path: '/platform/namespaces' }} />
      </Section>
      <NamespaceDialogs deed={deed} onDone={namespaces.reload} onClose={() => setDeed(null)} />
    </>
  );
}

interface ListProps {
  items: readonly Namespace[];
  onDeed: (deed: NamespaceDeed) => void;
}

function List({ items, onDeed }: ListProps) {
  if (items.length === 0) {
    return (
      <EmptyState title="No namespaces yet">
        The first request with a credential opens one; or create it above.
      </EmptyState>
    );
  }
  return <NamespacesTable items={items} onDeed={onDeed} />;
}
