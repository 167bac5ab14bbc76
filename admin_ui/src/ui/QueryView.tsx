import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { ErrorState } from './ErrorState';
import { Skeleton } from './Skeleton';

interface QueryViewProps<Data> {
  query: UseQueryResult<Data>;
  loading: string;
  children: (data: Data) => ReactNode;
}

/** Shows what a query found, and until then that it is looking. Old data stays while newer is on its way. */
export function QueryView<Data>({ query, loading, children }: QueryViewProps<Data>) {
  if (query.data !== undefined) {
    return (
      <>
        {query.isRefetchError && <ErrorState error={query.error} onRetry={() => void query.refetch()} />}
        {children(query.data)}
      </>
    );
  }
  if (query.isError) return <ErrorState error={query.error} onRetry={() => void query.refetch()} />;
  return <Skeleton label={loading} />;
}
