import { Link, useRouter, type ErrorComponentProps } from '@tanstack/react-router';
import { EmptyState } from '../ui/EmptyState';
import { ErrorState } from '../ui/ErrorState';
import { PageHead } from '../ui/PageHead';

export function RouteError({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  const retry = () => {
    reset();
    void router.invalidate();
  };
  return (
    <>
      <PageHead title="Error" />
      <ErrorState error={error} onRetry={retry} />
    </>
  );
}

/** The same where nothing else of the page could be drawn. */
export function LoneError(props: ErrorComponentProps) {
  return (
    <main className="page">
      <RouteError {...props} />
    </main>
  );
}

export function NotFoundPage() {
  return (
    <main className="page">
      <PageHead title="No such page" />
      <EmptyState
        title="This address leads nowhere."
        action={
          <Link className="button" to="/">
            Go to buckets
          </Link>
        }
      >
        <p>It may have been copied only in part.</p>
      </EmptyState>
    </main>
  );
}
