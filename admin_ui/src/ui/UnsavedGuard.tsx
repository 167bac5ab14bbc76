import { useBlocker } from '@tanstack/react-router';
import { Confirm } from './Confirm';

/** Asks before the reader leaves a page with changes that are not saved. */
export function UnsavedGuard({ isDirty }: { isDirty: boolean }) {
  const blocker = useBlocker({ shouldBlockFn: () => isDirty, enableBeforeUnload: isDirty, withResolver: true });
  if (blocker.status !== 'blocked') return null;
  return (
    <Confirm
      title="Leave without saving?"
      submitLabel="Leave"
      onConfirm={() => blocker.proceed()}
      onClose={() => blocker.reset()}
    >
      <p>What you changed here will be lost.</p>
    </Confirm>
  );
}
