// A device that goes while the page has no connection is not missed by any message:
// its topics are just not among those that come when the connection is back.

import { batch, type Signal } from '@preact/signals';
import { devices, forget } from './model';
import { reportsOf } from './reports';

/** What is retained, counted anew with each connection. */
export class Census {
  private seen = new Set<string>();

  /** Notes a topic of a device, "info" or "bus/panel". */
  note(key: string, rest: string): void {
    this.seen.add(`${key} ${rest}`);
  }

  begins(): void {
    this.seen = new Set();
  }

  /** Forgets what has not come since. */
  complete(): void {
    const seen = this.seen;
    batch(() => {
      for (const d of devices.value.values()) {
        if (d.info.value !== undefined && !seen.has(`${d.key} info`)) forget(d.key);
        keep(reportsOf(d.key).buses, (name) => seen.has(`${d.key} bus/${name}`));
        keep(reportsOf(d.key).upstreams, (name) => seen.has(`${d.key} upstream/${name}`));
      }
    });
  }
}

function keep<T>(all: Signal<ReadonlyMap<string, T>>, there: (name: string) => boolean): void {
  const left = new Map([...all.value].filter(([name]) => there(name)));
  if (left.size !== all.value.size) all.value = left;
}
