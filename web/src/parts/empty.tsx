import type { ComponentChildren } from 'preact';
import { linkState } from '../link';

/** What stands where there is nothing, and what would make there be something. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  const waiting = linkState.value.kind === 'connecting';
  return (
    <div class="empty">
      <p class="empty-title">{waiting ? 'Connecting to the broker' : title}</p>
      {!waiting && <div class="dim">{children}</div>}
    </div>
  );
}
