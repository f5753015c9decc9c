import { useState } from 'react';
import type { Link } from '../../api/types';
import { Command } from '../../components/command';
import { EmptyState } from '../../components/empty-state';
import { Field } from '../../components/field';
import { Loaded } from '../../components/loaded';
import { MoreButton } from '../../components/more-button';
import { PageHeader } from '../../components/page-header';
import { Section } from '../../components/section';
import { useConsole } from '../../console';
import { useDebounced } from '../../hooks/use-debounced';
import { useKept } from '../../hooks/use-kept';
import { usePages } from '../../hooks/use-pages';
import { plural } from '../../lib/format';
import { query } from '../../lib/paths';
import { routeHref } from '../../lib/route';
import { CreateLink } from './create-link';
import { LinksTable } from './links-table';
import { TagFilter } from './tag-filter';

export function LinksPage() {
  const { api } = useConsole();
  const [typed, setTyped] = useState('');
  const [tag, setTag] = useState<string | null>(null);
  const search = useDebounced(typed.trim(), 250);
  const filter = { search, ...(tag === null ? {} : { tag }) };
  const links = usePages(`links ${JSON.stringify(filter)}`, (cursor, signal) =>
    api.links({ ...filter, ...(cursor ? { cursor } : {}) }, signal),
  );
  const items = useKept(links.items);
  const filtered = search !== '' || tag !== null;
  return (
    <>
      <PageHeader
        title="Short links"
        actions={
          <a className="button button-secondary" href={routeHref({ page: 'transfer' })}>
            Import and export
          </a>
        }
      >
        Short addresses that lead to long ones, each with its clicks.
      </PageHeader>
      <Section title="New link">
        <CreateLink onCreated={links.reload} />
      </Section>
      <Section title="Your links">
        <search className="toolbar">
          <Field label="Search" type="search" value={typed} onValue={setTyped} />
          <TagFilter tag={tag} onClear={() => setTag(null)} />
        </search>
        <p className="visually-hidden" role="status">
          {filtered && links.items && `${plural(links.items.length, 'link')} shown`}
        </p>
        <Loaded data={items} problem={links.problem} onRetry={links.reload}>
          {(shown) => <List items={shown} filtered={filtered} onTag={setTag} />}
        </Loaded>
        <MoreButton pages={links} noun="links" />
        <Command request={{ path: `/shortener/users/me/shorturls${query(filter)}` }} />
      </Section>
    </>
  );
}

interface ListProps {
  items: readonly Link[];
  filtered: boolean;
  onTag: (tag: string) => void;
}

function List({ items, filtered, onTag }: ListProps) {
  if (items.length > 0) {
    return <LinksTable items={items} onTag={onTag} />;
  }
  if (filtered) {
    return <EmptyState title="No link matches">Try fewer words, or drop the tag.</EmptyState>;
  }
  return (
    <EmptyState title="No links yet">
      Paste a long address above, or{' '}
      <a href={routeHref({ page: 'transfer' })}>import</a> the links that you have elsewhere.
    </EmptyState>
  );
}
