import { useId, useLayoutEffect, useRef, type ReactNode } from 'react';
import { Icon } from './icon';

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ReactNode;
}

/**
 * A modal dialog. The browser's own keeps the focus inside, closes on Escape and gives the focus
 * back to where it came from.
 */
export function Dialog({ title, onClose, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const id = useId();
  // Before the paint, and closed while still in the document: else the focus is not given back.
  useLayoutEffect(() => {
    const dialog = element.current;
    dialog?.showModal();
    // The first thing to fill in, else the first answer, which is the harmless one.
    dialog?.querySelector<HTMLElement>('input, .dialog-actions button')?.focus();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={element}
      className="dialog"
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <div className="card-header">
        <h2 id={id}>{title}</h2>
        <button type="button" className="icon-button" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </div>
      {children}
    </dialog>
  );
}
