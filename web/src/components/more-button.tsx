import type { Pages } from '../hooks/use-pages';
import { Button } from './button';

/** The way to the next page of a list. */
export function MoreButton<T>({ pages, noun }: { pages: Pages<T>; noun: string }) {
  if (!pages.hasMore) {
    return null;
  }
  return (
    <div className="more">
      <Button busy={pages.loading} onClick={pages.loadMore}>
        {pages.loading ? 'Loading…' : `Show more ${noun}`}
      </Button>
    </div>
  );
}
