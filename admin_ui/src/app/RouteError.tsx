import { Link, useRouter, type ErrorComponentProps } from '@tanstack/react-router';
import { ApiError } from '../api/error';
import { EmptyState } from '../ui/EmptyState';
import { ErrorState } from '../ui/ErrorState';
import { PageHead } from '../ui/PageHead';

const PART_IS_MISSING = new ApiError('A part of the page could not be loaded', {
  code: 'PageIncomplete',
  hint: 'The server is away, or has another version of the page by now. Try again in a moment.',
});

export function RouteError({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  if (isPartMissing(error)) {
    // A browser may remember that a module failed; only a new page asks for it again.
    return <Shown error={PART_IS_MISSING} onRetry={() => location.reload()} />;
  }
  const retry = () => {
    reset();
    void router.invalidate();
  };
  return <Shown error={error} onRetry={retry} />;
}

/** Each browser has words of its own for it, and the bundler has too. */
function isPartMissing(error: unknown): boolean {
  return error instanceof Error && /preload CSS|dynamically imported|importing a module/i.test(error.message);
}

function Shown({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  return (
    <>
      <PageHead title="Error" />
      <ErrorState error={error} onRetry={onRetry} />
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
