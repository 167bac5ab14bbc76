import { SIZE_UNITS, type SizeText } from '../lib/size';
import type { ControlIds } from './Field';

interface SizeInputProps {
  ids: ControlIds;
  unitLabel: string;
  size: SizeText;
  onChange: (size: SizeText) => void;
}

/** A number and its unit, side by side, for a `Field`. */
export function SizeInput({ ids, unitLabel, size, onChange }: SizeInputProps) {
  const chooseUnit = (text: string) => {
    const unit = SIZE_UNITS.find((each) => each === text);
    if (unit) onChange({ ...size, unit });
  };
  return (
    <div className="input-row">
      <input
        className="input"
        inputMode="decimal"
        autoComplete="off"
        {...ids}
        value={size.amount}
        onChange={(event) => onChange({ ...size, amount: event.target.value })}
      />
      <select
        className="input"
        aria-label={unitLabel}
        value={size.unit}
        onChange={(event) => chooseUnit(event.target.value)}
      >
        {SIZE_UNITS.map((unit) => (
          <option key={unit}>{unit}</option>
        ))}
      </select>
    </div>
  );
}
