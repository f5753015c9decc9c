import { CopyButton } from './copy-button';

/** A value to carry elsewhere, whole, with the button that copies it. */
export function Copyable({ text, what }: { text: string; what: string }) {
  return (
    <span className="copyable">
      <code>{text}</code>
      <CopyButton text={text} what={what} />
    </span>
  );
}
