import { Copy, RotateCw } from 'lucide-react';
import { detailsOf, isDenied, type ApiError, toApiError } from '../api/error';
import { Button } from './Button';
import { useCopy } from './copy';
import { WhyDenied } from './WhyDenied';

interface ErrorStateProps {
  error: unknown;
  onRetry?: () => void;
}

/** What went wrong, in the server's words, with what helps to find out more. */
export function ErrorState({ error, onRetry }: ErrorStateProps) {
  const failure = toApiError(error);
  const copy = useCopy();
  return (
    <div className="state" role="alert">
      <p className="state-title">{isDenied(failure) ? 'You may not do this' : 'This did not work'}</p>
      <p>{failure.message}</p>
      {failure.hint && <p className="muted">{failure.hint}</p>}
      <Particulars failure={failure} />
      <div className="cluster">
        {onRetry && (
          <Button icon={RotateCw} onClick={onRetry}>
            Try again
          </Button>
        )}
        <WhyDenied error={failure} />
        <Button icon={Copy} onClick={() => copy(detailsOf(failure), 'Details copied')}>
          Copy details
        </Button>
      </div>
    </div>
  );
}

function Particulars({ failure }: { failure: ApiError }) {
  return (
    <p className="muted small mono">
      {failure.status > 0 && `status ${failure.status} `}
      {failure.code}
      {failure.requestId && ` · request ${failure.requestId}`}
    </p>
  );
}
