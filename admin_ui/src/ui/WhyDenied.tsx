import { Link, useRouter } from '@tanstack/react-router';
import { CircleQuestionMark, Copy } from 'lucide-react';
import { type ApiError, isDenied } from '../api/error';
import { useSession } from '../api/queries';
import { Button, IconButton } from './Button';
import { useCopy } from './copy';
import { Icon } from './Icon';

const WHY = 'Why denied?';
const COPY = 'Copy a link for an operator';

interface WhyDeniedProps {
  error: ApiError;
  /** Only a drawing, where there is no room for words. */
  compact?: boolean;
}

/**
 * What leads to the simulator with the refused question filled in; nothing when the error was no denial.
 * The simulator is for operators: others can copy its address for one.
 */
export function WhyDenied({ error, compact = false }: WhyDeniedProps) {
  const session = useSession();
  const router = useRouter();
  const copy = useCopy();
  if (!isDenied(error) || !error.explain || !session) return null;
  const search = { ...error.explain, role: session.role, ...(session.sub && { sub: session.sub }) };
  if (session.is_service) {
    const look = compact ? { className: 'button icon-only', title: WHY, 'aria-label': WHY } : { className: 'button' };
    return (
      <Link to="/policies/simulator" search={search} data-tone={compact ? 'quiet' : undefined} {...look}>
        {compact ? <Icon of={CircleQuestionMark} /> : WHY}
      </Link>
    );
  }
  const { publicHref } = router.buildLocation({ to: '/policies/simulator', search });
  const copyLink = () => copy(new URL(publicHref, location.origin).href, 'Link copied. An operator can open it.');
  if (compact) return <IconButton icon={Copy} label={COPY} onClick={copyLink} />;
  return (
    <Button icon={Copy} onClick={copyLink}>
      {COPY}
    </Button>
  );
}
