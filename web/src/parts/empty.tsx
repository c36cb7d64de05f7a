import type { ComponentChildren } from 'preact';
import { linkState } from '../link';

/** What stands where there is nothing, and what would make there be something. */
export function Empty({ title, inside = false, children }: { title: string; inside?: boolean; children?: ComponentChildren }) {
  const Title = inside ? 'p' : 'h1'; // of a view that has one already, or of nothing else
  const waiting = linkState.value.kind === 'connecting';
  return (
    <div class="empty">
      <Title class="empty-title">{waiting ? 'Connecting to the broker' : title}</Title>
      {!waiting && <div class="dim">{children}</div>}
    </div>
  );
}
