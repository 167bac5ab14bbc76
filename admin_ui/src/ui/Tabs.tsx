import { Tabs as Radix } from 'radix-ui';
import type { ReactNode } from 'react';

interface TabsProps<T extends string> {
  label: string;
  value: T;
  tabs: readonly { value: T; label: string; content: ReactNode }[];
  onChange: (value: T) => void;
}

/** Panels of which one is shown; only that one is rendered. */
export function Tabs<T extends string>({ label, value, tabs, onChange }: TabsProps<T>) {
  const choose = (text: string) => {
    const found = tabs.find((tab) => tab.value === text);
    if (found) onChange(found.value);
  };
  return (
    <Radix.Root value={value} onValueChange={choose}>
      <Radix.List className="tab-list" aria-label={label}>
        {tabs.map((tab) => (
          <Radix.Trigger key={tab.value} value={tab.value} className="tab">
            {tab.label}
          </Radix.Trigger>
        ))}
      </Radix.List>
      {tabs.map((tab) => (
        <Radix.Content key={tab.value} value={tab.value}>
          {tab.content}
        </Radix.Content>
      ))}
    </Radix.Root>
  );
}
