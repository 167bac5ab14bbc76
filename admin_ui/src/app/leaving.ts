/** Leaving the page as a whole. Whoever has something to lose listens to `beforeunload`, as for the browser's question. */

let isDecided = false;

/** Let a reader who has been asked already go without the browser's question. Call it before anybody else listens. */
export function watchLeaving(): void {
  const pass = (event: Event) => {
    if (isDecided) event.stopImmediatePropagation();
  };
  window.addEventListener('beforeunload', pass, { capture: true });
}

/** Tell whether something would be lost: what is not saved, or is under way. */
export function wouldLose(): boolean {
  return !window.dispatchEvent(new Event('beforeunload', { cancelable: true }));
}

/** Go to another page, whatever is lost. */
export function leaveFor(address: string): void {
  isDecided = true;
  location.assign(address);
}

/** Begin this page anew, whatever is lost. */
export function beginAnew(): void {
  isDecided = true;
  location.reload();
}
