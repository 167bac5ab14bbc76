import type { LucideIcon } from 'lucide-react';

/** A decorative drawing; what it means is said in words beside it or in its button's label. */
export function Icon({ of: Drawing }: { of: LucideIcon }) {
  return <Drawing className="icon" aria-hidden focusable={false} />;
}
