import { useEffect, useState } from 'react';

const PATIENCE_MS = 150;

/** Grey lines in place of data. They appear late, so that quick answers do not flicker. */
export function Skeleton({ label, lines = 6 }: { label: string; lines?: number }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div className="skeleton" role="status">
      <span className="visually-hidden">{label}</span>
      {late && Array.from({ length: lines }, (_, index) => <div key={index} className="skeleton-line" aria-hidden />)}
    </div>
  );
}
