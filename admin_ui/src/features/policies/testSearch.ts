import type { Policy } from '../../api/types';
import type { SimulatorSearch } from '../../lib/search';

const OBJECT_OPS = { all: 'download', select: 'download', insert: 'upload', update: 'update', delete: 'delete' };
const BUCKET_OPS = {
  all: 'bucket.get',
  select: 'bucket.get',
  insert: 'bucket.create',
  update: 'bucket.update',
  delete: 'bucket.delete',
};

/** Return a question for the simulator that `policy` has a say in. */
export function testSearch(policy: Policy, bucket?: string): SimulatorSearch {
  const ops = policy.table === 'storage.buckets' ? BUCKET_OPS : OBJECT_OPS;
  const role = policy.roles.find((each) => each === 'anon' || each === 'authenticated') ?? 'authenticated';
  const named = bucket ?? bucketIn(`${policy.using ?? ''} ${policy.with_check ?? ''}`);
  return { op: ops[policy.command], role, ...(named !== undefined && { bucket: named }) };
}

/** Return the bucket that a condition is about, when it names one. */
export function bucketIn(condition: string): string | undefined {
  return /\bbucket_id\s*=\s*\(?'((?:[^']|'')*)'/i.exec(condition)?.[1]?.replaceAll("''", "'");
}

/** Whether a policy has a say in `bucket`, as far as its text tells: one that names another bucket has none. */
export function concerns(policy: Policy, bucket: string): boolean {
  const named = bucketIn(`${policy.using ?? ''} ${policy.with_check ?? ''}`);
  return named === undefined || named === bucket;
}
