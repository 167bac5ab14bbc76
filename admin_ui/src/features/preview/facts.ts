import { queryOptions } from '@tanstack/react-query';
import { isMissing } from '../../api/error';
import { type ObjectAddress, objectFacts } from '../../api/objects';
import { queryClient } from '../../api/queries';
import type { ObjectInfo } from '../../api/types';

/** Everything that is known of one object. */
export function factsQuery(address: ObjectAddress) {
  return queryOptions({
    queryKey: ['object', address.bucket, address.name],
    queryFn: ({ signal }) => objectFacts(address, signal),
  });
}

/** Tell whether the object was there when it was last asked for, under this name or another that the page has seen. */
export function isKnownObject({ bucket, id }: ObjectInfo): boolean {
  const known = queryClient.getQueryCache().findAll({ queryKey: ['object', bucket] });
  return known.some(({ state: { data, error } }) => (data as ObjectInfo | undefined)?.id === id && !isMissing(error));
}
