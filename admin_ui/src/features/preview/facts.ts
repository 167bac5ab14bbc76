import { queryOptions } from '@tanstack/react-query';
import { type ObjectAddress, objectFacts } from '../../api/objects';

/** Everything that is known of one object. */
export function factsQuery(address: ObjectAddress) {
  return queryOptions({
    queryKey: ['object', address.bucket, address.name],
    queryFn: ({ signal }) => objectFacts(address, signal),
  });
}
