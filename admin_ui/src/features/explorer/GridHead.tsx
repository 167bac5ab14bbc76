import { ArrowDown, ArrowUp, Check } from 'lucide-react';
import type { SortColumn } from '../../api/objects';
import { rowCount } from '../../lib/listing';
import { countSelected, isEmptySelection } from '../../lib/selection';
import { Icon } from '../../ui/Icon';
import type { Explorer } from './model';

/** What the columns are, what they sort by, and a box for the whole selection. */
export function GridHead({ explorer }: { explorer: Explorer }) {
  return (
    <div role="rowgroup" className="grid-head">
      <div role="row" aria-rowindex={1} className="grid-columns">
        <div role="columnheader" aria-colindex={1} className="grid-cell grid-check">
          <SelectAll explorer={explorer} />
        </div>
        <SortHeader explorer={explorer} column="name" label="Name" index={2} className="" />
        <div role="columnheader" aria-colindex={3} className="grid-cell end roomy-only">
          Size
        </div>
        <div role="columnheader" aria-colindex={4} className="grid-cell wide-only">
          Type
        </div>
        <SortHeader explorer={explorer} column="updated_at" label="Modified" index={5} className="middle-only" />
        <div role="columnheader" aria-colindex={6} className="grid-cell">
          <span className="visually-hidden">Actions</span>
        </div>
      </div>
    </div>
  );
}

function SelectAll({ explorer: { state, dispatch, listing } }: { explorer: Explorer }) {
  const some = !isEmptySelection(state.selection);
  const total = rowCount(listing);
  const whole = total > 0 && countSelected(state.selection, total) === total;
  return (
    <button
      type="button"
      tabIndex={-1}
      className="check-button"
      aria-label={some ? 'Select nothing' : 'Select everything'}
      onClick={() => dispatch({ type: some ? 'clear' : 'all' })}
    >
      <span className="check" data-checked={whole || undefined} data-mixed={(some && !whole) || undefined}>
        {whole && <Icon of={Check} />}
      </span>
    </button>
  );
}

interface SortHeaderProps {
  explorer: Explorer;
  column: SortColumn;
  label: string;
  index: number;
  className: string;
}

function SortHeader({ explorer, column, label, index, className }: SortHeaderProps) {
  const { sortBy, setSearch, wanted } = explorer;
  const isSorted = wanted === null && sortBy.column === column;
  const isDescending = isSorted && sortBy.order === 'desc';
  const direction = isDescending ? 'descending' : 'ascending';
  const sort = () => setSearch({ sort: column, order: isSorted && !isDescending ? 'desc' : 'asc' });
  return (
    <div
      role="columnheader"
      aria-colindex={index}
      className={`grid-cell ${className}`}
      aria-sort={isSorted ? direction : undefined}
    >
      {wanted === null ? (
        <button type="button" tabIndex={-1} className="sort" onClick={sort}>
          {label}
          {isSorted && <Icon of={isDescending ? ArrowDown : ArrowUp} />}
        </button>
      ) : (
        label
      )}
    </div>
  );
}
