import type { ReactNode } from 'react';

interface EmptyStateProps {
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}

/** Says that there is nothing, what would be here, and what to do about it. */
export function EmptyState({ title, children, action }: EmptyStateProps) {
  return (
    <div className="state" role="status">
      <p className="state-title">{title}</p>
      {children}
      {action}
    </div>
  );
}
