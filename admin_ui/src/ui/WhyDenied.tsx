import { Link, useRouter } from '@tanstack/react-router';
import { Copy } from 'lucide-react';
import { type ApiError, isDenied } from '../api/error';
import { useSession } from '../api/queries';
import { Button } from './Button';
import { useCopy } from './copy';

/**
 * What leads to the simulator with the refused question filled in; nothing when the error was no denial.
 * The simulator is for operators: others can copy its address for one.
 */
export function WhyDenied({ error }: { error: ApiError }) {
  const session = useSession();
  const router = useRouter();
  const copy = useCopy();
  if (!isDenied(error) || !error.explain || !session) return null;
  const search = { ...error.explain, role: session.role, ...(session.sub && { sub: session.sub }) };
  if (session.is_service) {
    return (
      <Link className="button" to="/policies/simulator" search={search}>
        Why denied?
      </Link>
    );
  }
  const { publicHref } = router.buildLocation({ to: '/policies/simulator', search });
  return (
    <Button icon={Copy} onClick={() => copy(new URL(publicHref, location.origin).href, 'Link copied. An operator can open it.')}>
      Copy a link for an operator
    </Button>
  );
}
