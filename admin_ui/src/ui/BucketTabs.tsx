import { Link, useRouterState } from '@tanstack/react-router';
import { useSession } from '../api/queries';
import { folderLink } from '../lib/route';

const FILES = '/signed-in/buckets/$bucket/$';

/** The pages of one bucket. Policies are shown to operators only, as the server does. */
export function BucketTabs({ bucket }: { bucket: string }) {
  const session = useSession();
  const params = { bucket };
  const inFiles = useRouterState({ select: (state) => state.matches.at(-1)?.routeId === FILES });
  return (
    <nav className="tab-list" aria-label="Bucket">
      <Link
        className={inFiles ? 'tab here' : 'tab'}
        activeOptions={{ exact: true }}
        {...folderLink(bucket, '')}
        search={{}}
      >
        Files
      </Link>
      <Link className="tab" to="/buckets/$bucket/-/settings" params={params}>
        Settings
      </Link>
      {session?.is_service && (
        <Link className="tab" to="/buckets/$bucket/-/policies" params={params}>
          Policies
        </Link>
      )}
    </nav>
  );
}
