import { basePath } from '../../api/client';
import { queryClient, sessionQuery } from '../../api/queries';

/** Return who uploads: what one began is not continued by another, nor to another server of the same host. */
export function currentOwner(): string {
  const session = queryClient.getQueryData(sessionQuery.queryKey);
  return [basePath(), session?.role, session?.sub].join(' ');
}
