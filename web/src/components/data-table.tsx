import type { ReactNode } from 'react';

export interface Column<T> {
  header: string;
  render: (item: T) => ReactNode;
  /** Figures and buttons stand at the end of their column. */
  align?: 'end';
}

interface DataTableProps<T> {
  /** Names the table to a screen reader. */
  caption: string;
  columns: readonly Column<T>[];
  items: readonly T[];
  keyOf: (item: T, index: number) => string;
}

/**
 * A table that becomes a list of cards on a narrow screen. The roles are written out because a
 * browser drops those of a table whose cells are no longer laid out as one. The first column
 * names its row.
 */
export function DataTable<T>({ caption, columns, items, keyOf }: DataTableProps<T>) {
  return (
    <table className="table" role="table">
      <caption className="visually-hidden">{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map((column) => (
            <th
              key={column.header}
              role="columnheader"
              scope="col"
              className={column.align}
            >
              {column.header}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {items.map((item, index) => (
          <tr key={keyOf(item, index)} role="row">
            {columns.map((column, position) => (
              <Cell key={column.header} column={column} first={position === 0} item={item} />
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface CellProps<T> {
  column: Column<T>;
  first: boolean;
  item: T;
}

function Cell<T>({ column, first, item }: CellProps<T>) {
  const className = column.align;
  if (first) {
    return <th role="rowheader" scope="row" className={className}>{column.render(item)}</th>;
  }
  return (
    <td role="cell" data-label={column.header} className={className}>
      <div className="cell">{column.render(item)}</div>
    </td>
  );
}
