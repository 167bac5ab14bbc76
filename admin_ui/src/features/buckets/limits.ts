import { useState } from 'react';
import type { Bucket, BucketLimits } from '../../api/types';
import { mimeProblem } from '../../lib/bucketRule';
import { parseSize, type SizeText, toSizeText } from '../../lib/size';

/** What a form about a bucket holds, as it is typed. */
export interface LimitsDraft {
  public: boolean;
  size: SizeText;
  types: readonly string[];
  /** A type that is being typed; it counts like those that were added. */
  typed: string;
}

export function draftOf(bucket: Bucket | null): LimitsDraft {
  return {
    public: bucket?.public ?? false,
    size: toSizeText(bucket?.file_size_limit ?? null),
    types: bucket?.allowed_mime_types ?? [],
    typed: '',
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

/** Return why the type that is being typed cannot be used; null when it can, or there is none. */
export function typeProblem({ typed }: LimitsDraft): string | null {
  return typed.trim() === '' ? null : mimeProblem(typed.trim().toLowerCase());
}

/** Return every type of the draft, with the one that is being typed. */
export function typesOf({ types, typed }: LimitsDraft): readonly string[] {
  const type = typed.trim().toLowerCase();
  return type === '' || types.includes(type) ? types : [...types, type];
}

/** Tell whether the draft can be stored. */
export function isUsable(draft: LimitsDraft): boolean {
  return sizeProblem(draft.size) === null && typeProblem(draft) === null;
}

/** Return what the server takes. Throws: RangeError for a size that cannot be used. */
export function toLimits(draft: LimitsDraft): BucketLimits {
  const types = typesOf(draft);
  return {
    public: draft.public,
    file_size_limit: parseSize(draft.size),
    allowed_mime_types: types.length > 0 ? [...types] : null,
  };
}

/** The draft of a form, with a function to change a part of it. */
export function useDraft(bucket: Bucket | null) {
  const [draft, setDraft] = useState(() => draftOf(bucket));
  const change = (part: Partial<LimitsDraft>) => setDraft((current) => ({ ...current, ...part }));
  return { draft, change, replace: setDraft };
}
