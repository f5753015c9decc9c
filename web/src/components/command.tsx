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
          <span key={index} className={word.length <= unbroken ? 'nowrap' : undefined}>
            {index > 0 ? ` ${word}` : word}
          </span>
        ))}
      </code>
      <CopyButton text={text} what="command" />
    </div>
  );
}
