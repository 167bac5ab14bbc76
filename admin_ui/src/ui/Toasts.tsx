import { X } from 'lucide-react';
import { useSyncExternalStore } from 'react';
import { Button, IconButton } from './Button';
import { dismiss, shownToasts, subscribeToasts, type ShownToast } from './Toast';
import { WhyDenied } from './WhyDenied';

/** The place where toasts appear; once per page. */
export function Toasts() {
  const toasts = useSyncExternalStore(subscribeToasts, shownToasts);
  return (
    <section className="toasts" aria-label="Notifications" aria-live="polite">
      {toasts.map((each) => (
        <ToastCard key={each.id} toast={each} />
      ))}
    </section>
  );
}

function ToastCard({ toast: { id, tone, title, detail, action, error } }: { toast: ShownToast }) {
  const act = () => {
    dismiss(id);
    action?.run();
  };
  return (
    <div className="toast" data-tone={tone} role={tone === 'danger' ? 'alert' : undefined}>
      <div className="grow">
        <strong>{title}</strong>
        {detail && <div className="small">{detail}</div>}
        {error?.requestId && <div className="small mono muted">request {error.requestId}</div>}
        {error && <WhyDenied error={error} />}
      </div>
      {action && <Button onClick={act}>{action.label}</Button>}
      <IconButton icon={X} label="Dismiss" onClick={() => dismiss(id)} />
    </div>
  );
}
