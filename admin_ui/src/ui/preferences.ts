import { useSyncExternalStore } from 'react';
import { DATE_FORMATS, type DateFormat } from '../lib/format';

export const THEMES = ['auto', 'light', 'dark'] as const;
export const DENSITIES = ['compact', 'comfortable'] as const;

export interface Preferences {
  theme: (typeof THEMES)[number];
  density: (typeof DENSITIES)[number];
  dates: DateFormat;
}

const STORAGE_KEY = 'aerostore-admin-preferences';
const DEFAULTS: Preferences = { theme: 'auto', density: 'compact', dates: 'local' };

const DARK = '(prefers-color-scheme: dark)';

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

/** Return whether the page is light or dark now, for what is drawn with colours and not with styles. */
export function useColourScheme(): 'light' | 'dark' {
  const { theme } = usePreferences();
  const isDark = useSyncExternalStore(
    (listener) => {
      const system = matchMedia(DARK);
      system.addEventListener('change', listener);
      return () => system.removeEventListener('change', listener);
    },
    () => matchMedia(DARK).matches,
  );
  return theme === 'auto' ? (isDark ? 'dark' : 'light') : theme;
}

function stored(): Partial<Preferences> {
  try {
    const parsed: unknown = JSON.parse(localStorage.getItem(STORAGE_KEY) ?? '{}');
    return typeof parsed === 'object' && parsed !== null ? known(parsed) : {};
  } catch {
    return {};
  }
}

/** What another version has stored may mean nothing to this one. */
function known({ theme, density, dates }: { theme?: unknown; density?: unknown; dates?: unknown }): Partial<Preferences> {
  const chosen = {
    theme: THEMES.find((each) => each === theme),
    density: DENSITIES.find((each) => each === density),
    dates: DATE_FORMATS.find((each) => each === dates),
  };
  return Object.fromEntries(Object.entries(chosen).filter(([, value]) => value !== undefined));
}

function apply(): void {
  const { theme, density } = current;
  document.documentElement.dataset['theme'] = theme;
  document.documentElement.dataset['density'] = density;
}
