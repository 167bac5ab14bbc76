import { Moon, Sun, SunMoon } from 'lucide-react';
import { IconButton } from '../ui/Button';
import { setPreferences, THEMES, usePreferences } from '../ui/preferences';

const ICONS = { auto: SunMoon, light: Sun, dark: Moon };

export function ThemeButton() {
  const { theme } = usePreferences();
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'auto';
  return (
    <IconButton
      icon={ICONS[theme]}
      label={`Theme: ${theme}. Change to ${next}`}
      onClick={() => setPreferences({ theme: next })}
    />
  );
}
