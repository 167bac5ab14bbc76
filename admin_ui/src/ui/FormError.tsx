import { toApiError } from '../api/error';
import { Notice } from './Badge';
import { WhyDenied } from './WhyDenied';

/** Why a form could not be sent, beside its button. That nobody is signed in is said in a dialog. */
export function FormError({ error }: { error: Error | null }) {
  if (!error) return null;
  const failure = toApiError(error);
  if (failure.status === 401) return null;
  return (
    <div role="alert">
      <Notice tone="danger">
        <p>{failure.message}</p>
        {failure.hint && <p className="small">{failure.hint}</p>}
        {failure.requestId && <p className="small mono">request {failure.requestId}</p>}
        <WhyDenied error={failure} />
      </Notice>
    </div>
  );
}
