import { Command } from '../../components/command';
import { Section } from '../../components/section';
import { routeHref } from '../../lib/route';

/** The first minute: a command that answers when pasted, and where its result is seen. */
export function FirstLink() {
  const json = { longUrl: 'https://example.com/a/long/address' };
  return (
    <Section title="Try it">
      <p>Paste this into a terminal: it makes a short link and prints it.</p>
      <Command request={{ path: '/shortener/shorturl', json }} />
      <p>
        Open the link in a browser, then see its clicks under{' '}
        <a href={routeHref({ page: 'links' })}>Short links</a>.
      </p>
    </Section>
  );
}
