import { DENSITIES, setPreferences, THEMES, usePreferences } from '../../ui/preferences';
import { Segments } from '../../ui/Segments';
import { Time } from '../../ui/Time';

const DATES = [
  { value: 'local', label: 'Local' },
  { value: 'iso', label: 'ISO, UTC' },
] as const;

const SAMPLE = new Date().toISOString();

const labelled = <T extends string>(values: readonly T[]) => values.map((value) => ({ value, label: value[0]?.toUpperCase() + value.slice(1) }));

/** How the UI looks in this browser. */
export function PreferencesPanel() {
  const { theme, density, dates } = usePreferences();
  return (
    <dl className="facts settings-panel">
      <dt>Theme</dt>
      <dd>
        <Segments
          label="Theme"
          value={theme}
          options={labelled(THEMES)}
          onChange={(chosen) => setPreferences({ theme: chosen })}
        />
      </dd>
      <dt>Rows</dt>
      <dd>
        <Segments
          label="Rows"
          value={density}
          options={labelled(DENSITIES)}
          onChange={(chosen) => setPreferences({ density: chosen })}
        />
      </dd>
      <dt>Times</dt>
      <dd className="cluster">
        <Segments
          label="Times"
          value={dates}
          options={DATES}
          onChange={(chosen) => setPreferences({ dates: chosen })}
        />
        <Time at={SAMPLE} />
      </dd>
    </dl>
  );
}
