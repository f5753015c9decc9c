import { useConsole } from '../console';
import { curl, type CurlRequest } from '../lib/command';
import { CopyButton } from './copy-button';

/** The command that does what the button beside it does. */
export function Command({ request }: { request: CurlRequest }) {
  const { caller } = useConsole();
  const text = curl(caller, request);
  return (
    <div className="command">
      <span className="command-prompt" aria-hidden="true">$</span>
      <code>{text}</code>
      <CopyButton text={text} what="command" />
    </div>
  );
}
