import { useSyncExternalStore } from 'react';
import type { DateFormat } from '../lib/format';

export const THEMES = ['auto', 'light', 'dark'] as const;
export const DENSITIES = ['compact', 'comfortable'] as const;

export interface Preferences {
  theme: (typeof THEMES)[number];
  density: (typeof DENSITIES)[number];
  dates: DateFormat;
}

const STORAGE_KEY = 'aerostore-admin-preferences';
const DEFAULTS: Preferences = { theme: 'auto', density: 'compact', dates: 'local' };

const listeners = new Set<() => void>();
let current = DEFAULTS;

/** Read what the reader chose in this browser, and make the page look so. */
export function loadPreferences(): void {
  current = { ...DEFAULTS, ...stored() };
  apply();
}

export function setPreferences(change: Partial<Preferences>): void {
  current = { ...current, ...change };
  apply();
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(current));
  } catch {
    // Storage may be forbidden or full; the choice then holds until the page is closed.
  }
  for (const listener of listeners) listener();
}

export function usePreferences(): Preferences {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => current,
  );
}

function stored(): Partial<Preferences> {
  try {
    const parsed: unknown = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? '{}');
    return typeof parsed === 'object' && parsed !== null ? parsed : {};
  } catch {
    return {};
  }
}

function apply(): void {
  const { theme, density } = current;
  document.documentElement.dataset['theme'] = theme;
  document.documentElement.dataset['density'] = density;
}
