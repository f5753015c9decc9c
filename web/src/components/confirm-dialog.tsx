import type { ReactNode } from 'react';
import { useAction } from '../hooks/use-action';
import type { CurlRequest } from '../lib/command';
import { Button } from './button';
import { Command } from './command';
import { Dialog } from './dialog';
import { ProblemNote } from './problem-note';

interface ConfirmDialogProps {
  title: string;
  /** The verb on the button that does it. */
  verb: string;
  request: CurlRequest;
  onConfirm: () => Promise<void>;
  onClose: () => void;
  children: ReactNode;
}

/** Asks before something is destroyed, and says what will be. */
export function ConfirmDialog(props: ConfirmDialogProps) {
  const { title, verb, request, onConfirm, onClose, children } = props;
  const action = useAction();
  const confirm = async () => {
    if (await action.run(onConfirm)) {
      onClose();
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <div>{children}</div>
      <ProblemNote problem={action.problem} />
      <Command request={request} />
      <div className="dialog-actions">
        <Button onClick={onClose}>Cancel</Button>
        <Button kind="danger" busy={action.busy} onClick={() => void confirm()}>{verb}</Button>
      </div>
    </Dialog>
  );
}
