import { useState, type SubmitEvent } from 'react';
import { Button } from './Button';
import { Dialog } from './Dialog';

/** What shall happen to something whose name is taken. */
export type ConflictAnswer = 'keep' | 'replace' | 'skip';

interface ConflictDialogProps {
  name: string;
  place: string;
  others: number;
  onAnswer: (answer: ConflictAnswer, all: boolean) => void;
  onClose: () => void;
}

/** Asks what to do about a name that is taken. Enter keeps both. `others`: how many more names may be taken. */
export function ConflictDialog({ name, place, others, onAnswer, onClose }: ConflictDialogProps) {
  const [all, setAll] = useState(false);
  const keepBoth = (event: SubmitEvent) => {
    event.preventDefault();
    onAnswer('keep', all);
  };
  return (
    <Dialog
      title={
        <>
          “<bdi>{name}</bdi>” exists already
        </>
      }
      description={
        <>
          In <bdi>{place}</bdi> there is an object with this name.
        </>
      }
      onClose={onClose}
    >
      <form className="stack" onSubmit={keepBoth}>
        {others > 0 && (
          <label className="input-row">
            <input type="checkbox" checked={all} onChange={(event) => setAll(event.target.checked)} />
            Do this for {others === 1 ? 'the other one' : `all ${others} others`} too
          </label>
        )}
        <div className="dialog-foot">
          <Button onClick={() => onAnswer('skip', all)}>Skip</Button>
          <Button tone="danger" onClick={() => onAnswer('replace', all)}>
            Replace
          </Button>
          <Button type="submit" tone="primary" autoFocus>
            Keep both
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
