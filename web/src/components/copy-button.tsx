import { useEffect, useState } from 'react';
import { useConsole } from '../console';
import { copyText } from '../lib/clipboard';
import { Icon } from './icon';

interface CopyButtonProps {
  text: string;
  /** What is copied, as in "Copy short link". */
  what: string;
}

export function CopyButton({ text, what }: CopyButtonProps) {
  const { announce } = useConsole();
  const [copied, setCopied] = useState(false);

  useEffect(() => {
    const timer = window.setTimeout(() => setCopied(false), 2_000);
    return () => window.clearTimeout(timer);
  }, [copied]);

  const copy = async () => {
    const done = await copyText(text);
    setCopied(done);
    announce(done ? `Copied the ${what}` : `This browser does not let the page copy the ${what}`);
  };
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={`Copy ${what}`}
      title={`Copy ${what}`}
      onClick={() => void copy()}
    >
      <Icon name={copied ? 'check' : 'copy'} />
    </button>
  );
}
