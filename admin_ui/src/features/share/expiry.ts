/** How long a link works, as people choose it. Pure. */

export const UNITS = [
  { value: 'minutes', label: 'minutes', seconds: 60 },
  { value: 'hours', label: 'hours', seconds: 3600 },
  { value: 'days', label: 'days', seconds: 86_400 },
  { value: 'weeks', label: 'weeks', seconds: 604_800 },
] as const;

export type Unit = (typeof UNITS)[number]['value'];

export const PRESETS = [
  { value: '3600', label: '1 hour' },
  { value: '86400', label: '1 day' },
  { value: '604800', label: '7 days' },
  { value: 'custom', label: 'Custom' },
] as const;

export type Preset = (typeof PRESETS)[number]['value'];

/** What the server takes: a hundred years. */
export const MAX_SECONDS = 100 * 366 * 86_400;

export interface Expiry {
  preset: Preset;
  amount: string;
  unit: Unit;
}

/** Return the seconds of `expiry`, or a sentence that says what is wrong with it. */
export function secondsOf({ preset, amount, unit }: Expiry): number | string {
  if (preset !== 'custom') return Number(preset);
  const text = amount.trim();
  if (!/^\d+(\.\d+)?$/.test(text)) return 'Enter a number, such as 12.';
  const seconds = Math.round(Number(text) * (UNITS.find(({ value }) => value === unit)?.seconds ?? 1));
  if (seconds < 1) return 'A link has to work for a second at least.';
  return seconds > MAX_SECONDS ? 'A link works for a hundred years at most.' : seconds;
}
