import { useVirtualizer } from '@tanstack/react-virtual';
import { ArrowDown, ArrowUp } from 'lucide-react';
import { useRef, type CSSProperties, type ReactNode } from 'react';
import { Icon } from './Icon';

export interface Column<Row> {
  id: string;
  header: string;
  headerHidden?: boolean;
  width: string;
  cell: (row: Row) => ReactNode;
  align?: 'end';
  wideOnly?: boolean;
  wrap?: boolean;
  sortable?: boolean;
}

export interface Sort {
  by: string;
  descending: boolean;
}

interface TableProps<Row> {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  rowKey: (row: Row) => string;
  complete?: boolean;
  sort?: Sort;
  onSort?: (sort: Sort) => void;
}

const VIRTUAL_FROM = 200;
const ROW_PX = 37;

/** A table whose rows are drawn only near the view once there are many. `complete`: no row is missing. */
export function Table<Row>(props: TableProps<Row>) {
  return props.rows.length > VIRTUAL_FROM ? <LongTable {...props} /> : <ShortTable {...props} />;
}

function frameOf<Row>({ label, complete = true, rows, columns }: TableProps<Row>) {
  const narrow = columns.filter((column) => !column.wideOnly);
  const widths = (list: readonly Column<Row>[]) => list.map((column) => column.width).join(' ');
  return {
    role: 'table',
    'aria-label': label,
    'aria-rowcount': complete ? rows.length + 1 : -1,
    style: { '--columns': widths(columns), '--columns-narrow': widths(narrow) } as CSSProperties,
  };
}

function ShortTable<Row>(props: TableProps<Row>) {
  return (
    <div className="table" {...frameOf(props)}>
      <Head {...props} />
      <div role="rowgroup">
        {props.rows.map((row, index) => (
          <Cells key={props.rowKey(row)} columns={props.columns} row={row} index={index} />
        ))}
      </div>
    </div>
  );
}

function LongTable<Row>(props: TableProps<Row>) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: props.rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
  });
  return (
    <div ref={scroller} className="table long" tabIndex={0} {...frameOf(props)}>
      <Head {...props} />
      <div role="rowgroup" className="table-space" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start }) => {
          const row = props.rows[index];
          if (row === undefined) return null;
          return (
            <Cells
              key={props.rowKey(row)}
              columns={props.columns}
              row={row}
              index={index}
              place={{ start, measure: virtual.measureElement }}
            />
          );
        })}
      </div>
    </div>
  );
}

interface CellsProps<Row> {
  columns: readonly Column<Row>[];
  row: Row;
  index: number;
  place?: { start: number; measure: (row: HTMLElement | null) => void };
}

/** One row. `place`: where it lies among rows that are mostly not drawn; its height is measured there. */
function Cells<Row>({ columns, row, index, place }: CellsProps<Row>) {
  const placed = place && {
    ref: place.measure,
    'data-index': index,
    style: { transform: `translateY(${place.start}px)` },
  };
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      className={place ? 'table-row virtual' : 'table-row'}
      {...placed}
    >
      {columns.map((column) => (
        <div key={column.id} role="cell" className={cellClass(column)}>
          {column.cell(row)}
        </div>
      ))}
    </div>
  );
}

function Head<Row>({ columns, sort, onSort }: TableProps<Row>) {
  return (
    <div role="rowgroup" className="table-head">
      <div role="row" aria-rowindex={1} className="table-row head">
        {columns.map((column) => (
          <div key={column.id} role="columnheader" className={cellClass(column)} aria-sort={direction(column, sort)}>
            {column.sortable && onSort ? (
              <SortButton column={column} sort={sort} onSort={onSort} />
            ) : (
              <span className={column.headerHidden ? 'visually-hidden' : undefined}>{column.header}</span>
            )}
          </div>
        ))}
      </div>
    </div>
  );
}

interface SortButtonProps<Row> {
  column: Column<Row>;
  sort: Sort | undefined;
  onSort: (sort: Sort) => void;
}

function SortButton<Row>({ column, sort, onSort }: SortButtonProps<Row>) {
  const current = sort?.by === column.id ? sort : undefined;
  return (
    <button
      type="button"
      className="sort"
      onClick={() => onSort({ by: column.id, descending: current ? !current.descending : false })}
    >
      {column.header}
      {current && <Icon of={current.descending ? ArrowDown : ArrowUp} />}
    </button>
  );
}

function direction<Row>(column: Column<Row>, sort: Sort | undefined): 'ascending' | 'descending' | undefined {
  if (sort?.by !== column.id) return undefined;
  return sort.descending ? 'descending' : 'ascending';
}

function cellClass<Row>({ align, wideOnly, wrap }: Column<Row>): string {
  return ['table-cell', align, wideOnly && 'wide-only', wrap && 'wrap'].filter(Boolean).join(' ');
}
