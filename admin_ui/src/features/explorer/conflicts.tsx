import { labelOf, parentPrefix } from '../../lib/keys';
import { type ConflictAnswer, ConflictDialog } from '../../ui/ConflictDialog';
import type { AskConflict } from './operations';
import { Store, useStore } from './store';

interface Question {
  key: string;
  others: number;
  answer: (answer: ConflictAnswer, all: boolean) => void;
}

const question = new Store<Question | null>(null);

/** Return a function for one operation that asks about taken names one after another, until an answer is for all. */
export function askAboutConflicts(): AskConflict {
  let remembered: ConflictAnswer | null = null;
  let turn: Promise<unknown> = Promise.resolve();
  return (key, others) => {
    const answer = turn.then(async () => {
      if (remembered !== null) return remembered;
      const [given, all] = await ask(key, others());
      if (all) remembered = given;
      return given;
    });
    turn = answer;
    return answer;
  };
}

function ask(key: string, others: number): Promise<[ConflictAnswer, boolean]> {
  return new Promise((resolve) => {
    const answer = (given: ConflictAnswer, all: boolean) => {
      question.set(null);
      resolve([given, all]);
    };
    question.set({ key, others, answer });
  });
}

/** The question that an operation waits for, if any. To close it is to skip. */
export function ConflictQuestion({ bucket }: { bucket: string }) {
  const current = useStore(question);
  if (!current) return null;
  return (
    <ConflictDialog
      key={current.key}
      name={labelOf(current.key)}
      place={parentPrefix(current.key) || bucket}
      others={current.others}
      onAnswer={current.answer}
      onClose={() => current.answer('skip', false)}
    />
  );
}
