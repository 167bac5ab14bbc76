interface ProgressProps {
  label: string;
  done: number;
  total: number | null;
}

/** A bar. `total` is null while nobody knows it: then the bar is empty and says so. */
export function Progress({ label, done, total }: ProgressProps) {
  const share = total ? Math.min(1, done / total) : 0;
  const known = total === null ? {} : { 'aria-valuenow': Math.round(share * 100) };
  return (
    <div className="progress" role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} {...known}>
      <div className="progress-bar" style={{ transform: `scaleX(${share})` }} />
    </div>
  );
}
