import { ConfirmDialog } from '../../components/confirm-dialog';
import { Dialog } from '../../components/dialog';
import { useConsole } from '../../console';
import { namespacePath } from '../../lib/paths';
import { NameForm } from './name-form';

/** What the reader is about to do, and to which namespace. */
export interface NamespaceDeed {
  kind: 'fork' | 'reset' | 'drop';
  name: string;
}

interface NamespaceDialogsProps {
  deed: NamespaceDeed | null;
  onDone: () => void;
  onClose: () => void;
}

export function NamespaceDialogs({ deed, onDone, onClose }: NamespaceDialogsProps) {
  if (deed === null) {
    return null;
  }
  const props = { name: deed.name, onDone, onClose };
  switch (deed.kind) {
    case 'fork':
      return <ForkDialog {...props} />;
    case 'reset':
      return <ResetDialog {...props} />;
    case 'drop':
      return <DropDialog {...props} />;
  }
}

interface DeedProps {
  name: string;
  onDone: () => void;
  onClose: () => void;
}

function ForkDialog({ name, onDone, onClose }: DeedProps) {
  const { api, announce } = useConsole();
  const path = `${namespacePath(name)}/fork`;
  const fork = async (to: string) => {
    await api.forkNamespace(name, to);
    announce(`Forked ${name} to ${to}`);
    onDone();
    onClose();
  };
  return (
    <Dialog title={`Fork ${name}`} onClose={onClose}>
      <p>The new namespace starts with all of its state; neither sees what the other does then.</p>
      <NameForm
        label="New namespace"
        verb="Fork"
        onName={fork}
        request={(to) => ({ path, json: { to } })}
      />
    </Dialog>
  );
}

function ResetDialog({ name, onDone, onClose }: DeedProps) {
  const { api, announce } = useConsole();
  const reset = async () => {
    await api.resetNamespace(name);
    announce(`Reset ${name}`);
    onDone();
  };
  const path = `${namespacePath(name)}/reset`;
  return (
    <ConfirmDialog
      title={`Reset ${name}?`}
      verb="Reset"
      request={{ path, method: 'POST' }}
      onConfirm={reset}
      onClose={onClose}
    >
      <p>Everything that every system holds in <strong>{name}</strong> is deleted for good.</p>
    </ConfirmDialog>
  );
}

function DropDialog({ name, onDone, onClose }: DeedProps) {
  const { api, announce } = useConsole();
  const drop = async () => {
    await api.dropNamespace(name);
    announce(`Dropped ${name}`);
    onDone();
  };
  return (
    <ConfirmDialog
      title={`Drop ${name}?`}
      verb="Drop"
      request={{ path: namespacePath(name), method: 'DELETE' }}
      onConfirm={drop}
      onClose={onClose}
    >
      <p>
        The namespace <strong>{name}</strong> and everything in it is deleted for good.
      </p>
    </ConfirmDialog>
  );
}
