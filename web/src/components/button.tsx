import type { ButtonHTMLAttributes } from 'react';

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  kind?: 'primary' | 'secondary' | 'quiet' | 'danger';
  /** Under way: it keeps its place and its focus, and does nothing. */
  busy?: boolean;
}

export function Button({ kind = 'secondary', busy = false, ...rest }: ButtonProps) {
  const className = `button button-${kind} ${rest.className ?? ''}`.trim();
  return (
    <button
      type="button"
      {...rest}
      className={className}
      aria-disabled={busy || undefined}
      onClick={busy ? (event) => event.preventDefault() : rest.onClick}
    />
  );
}
