import { Icon } from '../../components/icon';

/** The tag that the list is narrowed to, and the way to widen it again. */
export function TagFilter({ tag, onClear }: { tag: string | null; onClear: () => void }) {
  if (tag === null) {
    return null;
  }
  return (
    <button type="button" className="tag tag-button" onClick={onClear}>
      <span className="visually-hidden">Show all tags, not only </span>
      {tag}
      <Icon name="close" />
    </button>
  );
}
