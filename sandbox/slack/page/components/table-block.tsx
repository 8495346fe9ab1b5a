import { useState } from 'react';
import type { Block, Cell } from '../model/wire.ts';
import { LibraryBlocks } from './rich-text.tsx';

const PAGE_SIZE = 5;

interface Sorting {
  column: number;
  up: boolean;
}

function plain(cell: Cell | undefined): string {
  return cell?.text ?? '';
}

function compare(a: Cell | undefined, b: Cell | undefined): number {
  if (a?.type === 'raw_number' && b?.type === 'raw_number') return (a.value ?? 0) - (b.value ?? 0);
  return plain(a).localeCompare(plain(b), undefined, { numeric: true });
}

function sorted(rows: Cell[][], sorting: Sorting | null): Cell[][] {
  if (!sorting) return rows;
  const { column, up } = sorting;
  return [...rows].sort((a, b) => (up ? 1 : -1) * compare(a[column], b[column]));
}

function alignOf(block: Block, column: number): 'left' | 'center' | 'right' {
  const set = block.column_settings?.[column]?.align;
  if (set) return set;
  const cells = (block.rows ?? []).slice(1).map((row) => row[column]?.type);
  return cells.length > 0 && cells.every((type) => type === 'raw_number') ? 'right' : 'left';
}

function CellText({ cell }: { cell: Cell }) {
  if (cell.type === 'rich_text') return <LibraryBlocks blocks={[cell as unknown as Block]} />;
  return plain(cell);
}

/** A `table`, or a `data_table`, which can be sorted and has pages. */
export function TableBlock({ block }: { block: Block }) {
  const [sorting, setSorting] = useState<Sorting | null>(null);
  const [page, setPage] = useState(0);
  const isData = block.type === 'data_table';
  const [head = [], ...rows] = block.rows ?? [];
  const size = isData ? (block.page_size ?? PAGE_SIZE) : Math.max(rows.length, 1);
  const pages = Math.max(1, Math.ceil(rows.length / size));
  const at = Math.min(page, pages - 1);
  const sort = (column: number): void => {
    setSorting({ column, up: sorting?.column === column ? !sorting.up : true });
    setPage(0);
  };
  return (
    <div className="table">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard. */}
      <section className="table-scroll" tabIndex={0} aria-label={block.caption ?? 'Table'}>
        <table>
          {block.caption && <caption>{block.caption}</caption>}
          <thead>
            <tr>
              {head.map((cell, column) => (
                <HeadCell
                  // biome-ignore lint/suspicious/noArrayIndexKey: a column is its position.
                  key={column}
                  cell={cell}
                  align={alignOf(block, column)}
                  sorted={sorting?.column === column ? (sorting.up ? 'ascending' : 'descending') : 'none'}
                  onSort={isData ? () => sort(column) : null}
                />
              ))}
            </tr>
          </thead>
          <tbody>
            {sorted(rows, sorting)
              .slice(at * size, (at + 1) * size)
              .map((row, line) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: rows have no id.
                <BodyRow key={line} block={block} row={row} />
              ))}
          </tbody>
        </table>
      </section>
      {pages > 1 && <Pager page={at} pages={pages} rows={rows.length} setPage={setPage} />}
    </div>
  );
}

function HeadCell(props: {
  cell: Cell;
  align: string;
  sorted: 'none' | 'ascending' | 'descending';
  onSort: (() => void) | null;
}) {
  if (!props.onSort) {
    return (
      <th scope="col" className={`align-${props.align}`}>
        <CellText cell={props.cell} />
      </th>
    );
  }
  return (
    <th scope="col" className={`align-${props.align}`} aria-sort={props.sorted}>
      <button type="button" onClick={props.onSort}>
        {plain(props.cell)}
        <span className="sort-mark" aria-hidden="true">
          {props.sorted === 'ascending' ? '▲' : props.sorted === 'descending' ? '▼' : '↕'}
        </span>
      </button>
    </th>
  );
}

function BodyRow({ block, row }: { block: Block; row: Cell[] }) {
  const headerColumn = block.type === 'data_table' ? (block.row_header_column_index ?? 0) : -1;
  return (
    <tr>
      {row.map((cell, column) => {
        const wrapped = block.column_settings?.[column]?.is_wrapped ? 'wrapped' : '';
        const className = `align-${alignOf(block, column)} ${wrapped}`;
        return column === headerColumn ? (
          // biome-ignore lint/suspicious/noArrayIndexKey: a column is its position.
          <th key={column} scope="row" className={className}>
            <CellText cell={cell} />
          </th>
        ) : (
          // biome-ignore lint/suspicious/noArrayIndexKey: a column is its position.
          <td key={column} className={className}>
            <CellText cell={cell} />
          </td>
        );
      })}
    </tr>
  );
}

function Pager(props: { page: number; pages: number; rows: number; setPage: (page: number) => void }) {
  return (
    <div className="pager">
      <span>
        Page {props.page + 1} of {props.pages}, {props.rows} rows
      </span>
      <button
        type="button"
        className="button"
        disabled={props.page === 0}
        onClick={() => props.setPage(props.page - 1)}
      >
        Previous
      </button>
      <button
        type="button"
        className="button"
        disabled={props.page === props.pages - 1}
        onClick={() => props.setPage(props.page + 1)}
      >
        Next
      </button>
    </div>
  );
}
