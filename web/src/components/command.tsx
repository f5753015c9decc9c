import { Fragment } from 'react';
import { useConsole } from '../console';
import { curl, type CurlRequest } from '../lib/command';
import { CopyButton } from './copy-button';

/** Options up to this many characters are kept on one line. */
const unbroken = 36;

/** The command that does what the button beside it does. */
export function Command({ request }: { request: CurlRequest }) {
  const { caller } = useConsole();
  const words = curl(caller, request);
  const text = words.join(' ');
  return (
    <div className="command">
      <span className="command-prompt" aria-hidden="true">$</span>
      <code>
        {words.map((word, index) => (
          <Fragment key={index}>
            {index > 0 && ' '}
            <span className={word.length <= unbroken ? 'nowrap' : undefined}>{word}</span>
          </Fragment>
        ))}
      </code>
      <CopyButton text={text} what="command" />
    </div>
  );
}
