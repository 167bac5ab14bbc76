import type { ReactNode } from 'react';

export type BadgeTone = 'default' | 'good' | 'warn' | 'danger';

export function Badge({ tone = 'default', children }: { tone?: BadgeTone; children: ReactNode }) {
  return (
    <span className="badge" data-tone={tone}>
      {children}
    </span>
  );
}

/** A sentence that stays on the page while it is true. */
export function Notice({ tone = 'default', children }: { tone?: BadgeTone; children: ReactNode }) {
  return (
    <div className="notice" data-tone={tone}>
      <div className="grow stack">{children}</div>
    </div>
  );
}
