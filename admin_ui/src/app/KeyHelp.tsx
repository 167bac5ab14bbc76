import { KEYMAP, type Scope } from '../lib/keymap';
import { Dialog } from '../ui/Dialog';

const SCOPES: readonly { scope: Scope; title: string }[] = [
  { scope: 'everywhere', title: 'Everywhere' },
  { scope: 'explorer', title: 'In a bucket' },
];

export function KeyHelp({ onClose }: { onClose: () => void }) {
  return (
    <Dialog
      title="Keyboard"
      size="wide"
      onClose={onClose}
      description="Single keys rest while you type, and while text is selected."
    >
      {SCOPES.map(({ scope, title }) => (
        <section key={scope} className="stack">
          <h3>{title}</h3>
          <KeyTable scope={scope} />
        </section>
      ))}
    </Dialog>
  );
}

function KeyTable({ scope }: { scope: Scope }) {
  return (
    <dl className="facts">
      {KEYMAP.filter((binding) => binding.scope === scope).map(({ keys, does }) => (
        <div key={does} className="facts-pair">
          <dt className="cluster">
            {keys.map((key) => (
              <kbd key={key}>{key}</kbd>
            ))}
          </dt>
          <dd>{does}</dd>
        </div>
      ))}
    </dl>
  );
}
