import { folderOf } from '../../lib/route';
import { ConflictDialog } from '../../ui/ConflictDialog';
import { WhenAlone } from '../../ui/WhenAlone';
import { question } from './conflicts';
import { useStore } from './store';

/** The question that an operation waits for, if any. To close it is to skip. */
export function ConflictQuestion() {
  const current = useStore(question);
  if (!current) return null;
  const folder = folderOf(current.key);
  return (
    <WhenAlone>
      <ConflictDialog
        key={`${current.bucket}/${current.key}`}
        name={current.key.slice(folder.length)}
        place={folder || current.bucket}
        others={current.others}
        onAnswer={current.answer}
        onClose={() => current.answer('skip', false)}
      />
    </WhenAlone>
  );
}
