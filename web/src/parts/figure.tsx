import type { ComponentChildren } from 'preact';

/** A number with its name above it. */
export function Figure({ name, children, bad = false }: { name: string; children: ComponentChildren; bad?: boolean }) {
  return (
    <div class="figure">
      <dt>{name}</dt>
      <dd class={bad ? 'bad-text' : ''}>{children}</dd>
    </div>
  );
}
