/** Tell whether a dialog or a menu is open, so that keys are meant for that. */
export function hasOverlay(): boolean {
  return document.querySelector('[role=dialog], [role=menu]') !== null;
}
