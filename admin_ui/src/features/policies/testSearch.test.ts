import { expect, test } from 'vitest';
import type { Policy } from '../../api/types';
import { bucketIn, concerns, testSearch } from './testSearch';

const policy = (part: Partial<Policy>): Policy => ({
  table: 'storage.objects',
  name: 'own folder',
  command: 'insert',
  roles: ['public'],
  is_permissive: true,
  using: null,
  with_check: null,
  source: '',
  file: null,
  line: null,
  reason: null,
  ...part,
});

test('a condition names its bucket', () => {
  expect(bucketIn("(bucket_id = 'it''s'::text) AND true")).toBe("it's");
  expect(bucketIn('owner_id = auth.uid()')).toBeUndefined();
});

test('a question fits the policy', () => {
  const asked = testSearch(policy({ with_check: "bucket_id = 'avatars'", roles: ['anon'] }));
  expect(asked).toEqual({ op: 'upload', role: 'anon', bucket: 'avatars' });
  expect(testSearch(policy({ table: 'storage.buckets', command: 'all' }))).toEqual({
    op: 'bucket.get',
    role: 'authenticated',
  });
});

test('a policy that names another bucket has no say', () => {
  expect(concerns(policy({ using: "bucket_id = 'a'" }), 'b')).toBe(false);
  expect(concerns(policy({ using: 'true' }), 'b')).toBe(true);
});
