// What we may publish. fieldmq's broker says so when we connect, if it is asked;
// another one leaves us to try.

import { signal } from '@preact/signals';

/** Filters that we may publish to; undefined: nobody has said. */
export const rights = signal<readonly string[] | undefined>(undefined);

/** The question in CONNECT. */
export const question = { rights: 'publish' };

/** Reads the answer in CONNACK. */
export function readRights(told: Record<string, string | string[]> | undefined): readonly string[] | undefined {
  return told?.rights === 'told' ? [told.publish ?? []].flat() : undefined;
}

/** Why we may not publish to a topic; empty: we may, or it is not known. */
export function barred(topic: string): string {
  return rights.value === undefined || rights.value.some((f) => takes(f, topic)) ? '' : 'your user may not do this';
}

function takes(filter: string, topic: string): boolean {
  const f = filter.split('/');
  const t = topic.split('/');
  if (topic.startsWith('$') && (f[0] === '#' || f[0] === '+')) return false;
  const n = f.indexOf('#');
  if (n < 0 ? f.length !== t.length : t.length < n) return false;
  return f.every((level, i) => level === '#' || level === '+' || level === t[i]);
}
