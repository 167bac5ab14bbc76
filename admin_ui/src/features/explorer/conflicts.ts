import type { ConflictAnswer } from '../../ui/ConflictDialog';
import type { AskConflict } from './operations';
import { Store } from './store';

/** What an operation waits for. */
export interface Question {
  bucket: string;
  key: string;
  others: number;
  answer: (answer: ConflictAnswer, all: boolean) => void;
}

export const question = new Store<Question | null>(null);
// Only one question fits on the page: those of all operations wait for one another.
let turn: Promise<unknown> = Promise.resolve();

/** Return a function for one operation that asks about names taken in `bucket`, until an answer is for all. */
export function askAboutConflicts(bucket: string): AskConflict {
  let remembered: ConflictAnswer | null = null;
  return (key, others) => {
    const answer = turn.then(async () => {
      if (remembered !== null) return remembered;
      const [given, all] = await ask(bucket, key, others());
      if (all) remembered = given;
      return given;
    });
    turn = answer;
    return answer;
  };
}

function ask(bucket: string, key: string, others: number): Promise<[ConflictAnswer, boolean]> {
  return new Promise((resolve) => {
    const answer = (given: ConflictAnswer, all: boolean) => {
      question.set(null);
      resolve([given, all]);
    };
    question.set({ bucket, key, others, answer });
  });
}
