import { Link } from '@tanstack/react-router';
import { EmptyState } from './EmptyState';

export function NoSuchBucket() {
  return (
    <EmptyState
      title="There is no such bucket, or you may not see it."
      action={
        <Link className="button" to="/" search={{}}>
          Go to buckets
        </Link>
      }
    >
      <p>It may have been deleted. What policies hide from you looks the same as what is not there.</p>
    </EmptyState>
  );
}
