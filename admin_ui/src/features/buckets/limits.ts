import { useState } from 'react';
import type { Bucket, BucketLimits } from '../../api/types';
import { parseSize, type SizeText, toSizeText } from '../../lib/size';

/** What a form about a bucket holds, as it is typed. */
export interface LimitsDraft {
  public: boolean;
  size: SizeText;
  types: readonly string[];
}

export function draftOf(bucket: Bucket | null): LimitsDraft {
  return {
    public: bucket?.public ?? false,
    size: toSizeText(bucket?.file_size_limit ?? null),
    types: bucket?.allowed_mime_types ?? [],
  };
}

/** Return why the size cannot be used; null when it can. */
export function sizeProblem(size: SizeText): string | null {
  try {
    parseSize(size);
    return null;
  } catch (error) {
    return error instanceof RangeError ? error.message : String(error);
  }
}

/** Return what the server takes. Throws: RangeError for a size that cannot be used. */
export function toLimits(draft: LimitsDraft): BucketLimits {
  return {
    public: draft.public,
    file_size_limit: parseSize(draft.size),
    allowed_mime_types: draft.types.length > 0 ? [...draft.types] : null,
  };
}

/** The draft of a form, with a function to change a part of it. */
export function useDraft(bucket: Bucket | null) {
  const [draft, setDraft] = useState(() => draftOf(bucket));
  const change = (part: Partial<LimitsDraft>) => setDraft((current) => ({ ...current, ...part }));
  return { draft, change, replace: setDraft };
}
