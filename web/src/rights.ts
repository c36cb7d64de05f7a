// What we may publish and have. fieldmq's broker says so when we connect, if it is
// asked; another one leaves us to try.

import { signal } from '@preact/signals';

/** Filters that we may publish to; undefined: nobody has said. */
export const rights = signal<readonly string[] | undefined>(undefined);

/** The questions in CONNECT. */
export const question = { rights: ['publish', 'subscribe'] };

type Told = Record<string, string | string[]> | undefined;

/** Reads the answer in CONNACK. */
export function readRights(told: Told, what: 'publish' | 'subscribe'): readonly string[] | undefined {
  return told?.rights === 'told' ? [told[what] ?? []].flat() : undefined;
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

/** What we may have of a filter, as filters: of "device/+/state" one who may have
    "device/boiler/#" has "device/boiler/state". All of it where nobody has said. */
export function within(filter: string, mine: readonly string[] | undefined): string[] {
  return mine === undefined ? [filter] : [...new Set(mine.map((f) => meet(f.split('/'), filter.split('/'))).filter((f) => f !== undefined))];
}

/** The filter that takes what both take; undefined: there is no such topic. */
function meet(a: string[], b: string[]): string | undefined {
  if (a[0].startsWith('$') !== b[0].startsWith('$')) return undefined;
  const both: string[] = [];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    if (a[i] === '#') return [...both, ...b.slice(i)].join('/') || '#';
    if (b[i] === '#') return [...both, ...a.slice(i)].join('/');
    const level = a[i] === '+' ? b[i] : b[i] === '+' || a[i] === b[i] ? a[i] : undefined;
    if (level === undefined) return undefined;
    both.push(level);
  }
  return both.join('/');
}
