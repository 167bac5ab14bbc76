/** What has to be moved or copied where, and why it cannot be. Pure. */

import { freeLabel, isInside, keyProblem } from '../../lib/keys';
import { parentOf, type Row } from '../../lib/listing';
import type { Place } from './listing-query';

export type TransferMode = 'move' | 'copy';

export interface Step {
  from: string;
  to: string;
}

export interface TransferPlan {
  mode: TransferMode;
  fromBucket: string;
  toBucket: string;
  objects: Step[];
  folders: Step[];
}

/**
 * Return what to do so that `rows` of `fromBucket` lie in `to` afterwards, or a sentence that says why not.
 *
 * What is there already is left out of a move and gets another name in a copy, one that is not taken as far as
 * `isTaken` knows keys.
 */
export function planTransfer(
  mode: TransferMode,
  fromBucket: string,
  rows: readonly Row[],
  to: Place,
  isTaken: (key: string) => boolean = () => false,
): TransferPlan | string {
  const plan: TransferPlan = { mode, fromBucket, toBucket: to.bucket, objects: [], folders: [] };
  for (const row of rows) {
    const isHere = fromBucket === to.bucket && parentOf(row) === to.prefix;
    if (mode === 'move' && isHere) continue;
    const moved = to.prefix + row.key.slice(parentOf(row).length);
    const step = { from: row.key, to: isHere ? copyBeside(row, isTaken) : moved };
    const problem = problemOf(step, row, fromBucket === to.bucket);
    if (problem !== null) return problem;
    (row.kind === 'folder' ? plan.folders : plan.objects).push(step);
  }
  return plan.objects.length + plan.folders.length === 0 ? 'Everything is in this folder already.' : plan;
}

function copyBeside(row: Row, isTaken: (key: string) => boolean): string {
  const [prefix, end] = [parentOf(row), row.kind === 'folder' ? '/' : ''];
  const label = row.key.slice(prefix.length, row.key.length - end.length);
  const isUsed = (candidate: string) => candidate === label || isTaken(prefix + candidate + end);
  return prefix + freeLabel(label, isUsed) + end;
}

function problemOf({ from, to }: Step, row: Row, isSameBucket: boolean): string | null {
  if (row.kind === 'folder' && isSameBucket && isInside(to, from)) {
    return `“${row.label}” cannot go into itself.`;
  }
  const problem = keyProblem(to);
  return problem === null ? null : `“${row.label}”: ${problem}`;
}

/** Return a prefix of folders as a reader calls it. */
export function placeName({ bucket, prefix }: Place): string {
  return prefix === '' ? bucket : prefix;
}
