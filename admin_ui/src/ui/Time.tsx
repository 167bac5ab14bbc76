import { formatTime } from '../lib/format';
import { usePreferences } from './preferences';

/** A moment, as the reader chose to see times. `exact`: with seconds. */
export function Time({ at, exact = false }: { at: string | null; exact?: boolean }) {
  const { dates } = usePreferences();
  if (!at) return <span className="muted">-</span>;
  return (
    <time dateTime={at} title={at} className="numeric">
      {formatTime(at, dates, exact)}
    </time>
  );
}
