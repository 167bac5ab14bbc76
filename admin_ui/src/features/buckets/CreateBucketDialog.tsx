import { useMutation } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { useState } from 'react';
import { ApiError } from '../../api/error';
import { createBucket } from '../../api/mutations';
import { queryClient } from '../../api/queries';
import { nameProblem } from '../../lib/bucketRule';
import { folderLink } from '../../lib/route';
import { FormDialog } from '../../ui/Dialog';
import { TextField } from '../../ui/Field';
import { FormError } from '../../ui/FormError';
import { toast } from '../../ui/Toast';
import { LimitFields } from './LimitFields';
import { isUsable, toLimits, useDraft } from './limits';

export function CreateBucketDialog({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('');
  const { draft, change } = useDraft(null);
  const navigate = useNavigate();
  const create = useMutation({
    mutationFn: () => createBucket(name, toLimits(draft)),
    onSuccess: () => {
      void queryClient.invalidateQueries({ queryKey: ['buckets'] });
      toast({ tone: 'good', title: `Bucket ${name} created` });
      onClose();
      void navigate({ ...folderLink(name, ''), search: {} });
    },
  });
  const isTaken = create.error instanceof ApiError && create.error.status === 409;
  const problem = name === '' ? null : nameProblem(name);
  return (
    <FormDialog
      title="New bucket"
      submitLabel="Create bucket"
      pending={create.isPending}
      blocked={nameProblem(name) !== null || !isUsable(draft)}
      onSubmit={() => create.mutate()}
      onClose={onClose}
    >
      <TextField
        label="Name"
        autoFocus
        maxLength={100}
        hint="It stands in every address, and cannot be changed later."
        error={problem ?? (isTaken ? 'There is a bucket of this name already.' : null)}
        value={name}
        onChange={(event) => {
          create.reset();
          setName(event.target.value);
        }}
      />
      <LimitFields draft={draft} onChange={change} />
      {!isTaken && <FormError error={create.error} />}
    </FormDialog>
  );
}
