// Charts do not begin empty: each gateway is asked once for what it remembers.

import { batch, effect } from '@preact/signals';
import { ask } from './ask';
import { linkState } from './link';
import { deviceAt, gateways, type Device } from './model';
import { readState } from './topics';

/** Asks every gateway that shows up, and again after the connection was lost. */
export function recallPast(): void {
  let asked = new Set<string>();
  effect(() => {
    if (linkState.value.kind !== 'online') {
      asked = new Set();
      return;
    }
    for (const gw of gateways()) {
      if (asked.has(gw.key)) continue;
      asked.add(gw.key);
      // One that is too old to know the question does not answer.
      recall(gw).catch(() => undefined);
    }
  });
}

async function recall(gw: Device): Promise<void> {
  const { states } = await ask<{ states: Record<string, Record<string, unknown>[]> }>(gw, 'history', { minutes: 60 });
  batch(() => {
    for (const [id, docs] of Object.entries(states)) {
      const d = deviceAt(gw.prefix, id);
      for (const doc of docs) d.take(readState(d, doc, true));
    }
  });
}
