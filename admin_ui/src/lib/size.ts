/** Sizes as people enter them: a number and a unit. */

export const SIZE_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;
export type SizeUnit = (typeof SIZE_UNITS)[number];

export interface SizeText {
  amount: string;
  unit: SizeUnit;
}

const DECIMAL = /^\d+(\.\d+)?$/;

/** Return the whole bytes that were entered; null for nothing. Throws: RangeError with a message for the reader. */
export function parseSize({ amount, unit }: SizeText): number | null {
  const text = amount.trim();
  if (text === '') return null;
  if (!DECIMAL.test(text)) throw new RangeError('Enter a number such as 50 or 1.5.');
  const bytes = Math.round(Number(text) * 1024 ** SIZE_UNITS.indexOf(unit));
  if (bytes < 1) throw new RangeError('Enter at least 1 byte, or nothing for no limit.');
  if (!Number.isSafeInteger(bytes)) throw new RangeError('That is more than can be stored.');
  return bytes;
}

/** Return `bytes` in the largest unit that shows them exactly. */
export function toSizeText(bytes: number | null): SizeText {
  if (bytes === null) return { amount: '', unit: 'MiB' };
  const unit = SIZE_UNITS.findLast((_, power) => bytes >= 1024 ** power && Number.isInteger((bytes / 1024 ** power) * 4));
  const chosen = unit ?? 'B';
  return { amount: String(bytes / 1024 ** SIZE_UNITS.indexOf(chosen)), unit: chosen };
}
