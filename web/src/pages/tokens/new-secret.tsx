import { useEffect, useRef } from 'react';
import type { NewToken } from '../../api/types';
import { Button } from '../../components/button';
import { Copyable } from '../../components/copyable';

/** The secret of a token just made, for the one time that it can be seen. */
export function NewSecret({ token, onDone }: { token: NewToken; onDone: () => void }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.focus(), [token.id]);
  return (
    <div className="note note-good" ref={box} tabIndex={-1} role="group" aria-label="New token">
      <div className="note-body">
        <strong>Copy the secret of {token.name} now: it is not shown again.</strong>
        <Copyable text={token.secret} what="secret" />
      </div>
      <Button onClick={onDone}>Done</Button>
    </div>
  );
}
