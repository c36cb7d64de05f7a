// The time, as a signal: what shows an age is drawn again each second.

import { signal } from '@preact/signals';

export const now = signal(Date.now());

/** Starts the clock; it stands still while nobody looks. */
export function startClock(): void {
  setInterval(() => {
    if (!document.hidden) now.value = Date.now();
  }, 1000);
  document.addEventListener('visibilitychange', () => (now.value = Date.now()));
}
