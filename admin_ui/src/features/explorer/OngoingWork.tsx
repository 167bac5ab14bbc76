import { ActivityRows } from './ActivityRows';
import { ConflictQuestion } from './ConflictQuestion';
import './explorer.css';

/** What was begun in the explorer and is not done yet, for the other pages. */
export function OngoingWork() {
  return (
    <>
      <ActivityRows />
      <ConflictQuestion />
    </>
  );
}
