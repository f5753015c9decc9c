import type { Link } from '../../api/types';
import { CopyButton } from '../../components/copy-button';
import { DataTable, type Column } from '../../components/data-table';
import { Moment } from '../../components/moment';
import { formatCount } from '../../lib/format';
import { routeHref } from '../../lib/route';
import { bareAddress } from '../../lib/address';
import { LinkState } from './link-state';

interface LinksTableProps {
  items: readonly Link[];
  onTag: (tag: string) => void;
}

export function LinksTable({ items, onTag }: LinksTableProps) {
  const columns: Column<Link>[] = [
    { header: 'Link', render: (link) => <LinkName link={link} onTag={onTag} /> },
    { header: 'State', render: (link) => <LinkState link={link} /> },
    { header: 'Clicks', align: 'end', render: ({ clicks }) => formatCount(clicks) },
    { header: 'Created', render: ({ createdAt }) => <Moment at={createdAt} /> },
    {
      header: 'Last click',
      render: ({ clicks, lastUsedAt }) => <Moment at={clicks > 0 ? lastUsedAt : null} />,
    },
  ];
  return (
    <DataTable
      caption="Your short links"
      columns={columns}
      items={items}
      keyOf={({ shortURL }) => shortURL}
    />
  );
}

interface LinkNameProps {
  link: Link;
  onTag: (tag: string) => void;
}

function LinkName({ link, onTag }: LinkNameProps) {
  return (
    <div className="stack-small">
      <span className="copyable">
        <a className="strong" href={routeHref({ page: 'link', link })}>
          {bareAddress(link.shortURL)}
        </a>
        <CopyButton text={link.shortURL} what={`short link ${link.code}`} />
      </span>
      {link.title && <span>{link.title}</span>}
      <span className="faint target" title={link.longUrl}>{bareAddress(link.longUrl)}</span>
      {link.tags.length > 0 && (
        <span className="tags">
          {link.tags.map((tag) => (
            <button
              type="button"
              className="tag tag-button"
              key={tag}
              onClick={() => onTag(tag)}
              aria-label={`Only links tagged ${tag}`}
            >
              {tag}
            </button>
          ))}
        </span>
      )}
    </div>
  );
}
