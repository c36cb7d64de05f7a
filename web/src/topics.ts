// From messages to the model. docs/TOPICS.md says what each topic holds.

import { batch } from '@preact/signals';
import type { Message } from './link';
import type { Census } from './census';
import { isDoc, readBroker, readBus, readEntry, readErrors, readHealth, readInfo, readReload, readUpstream, readValues, type Doc } from './documents';
import { deviceAt, devices, forget, type Device, type State } from './model';
import { addEntries, reportsOf } from './reports';

/** What the page listens to all the time. The log it holds only while it shows it. */
const watched = [
  '+/status', '+/info', '+/state', '+/health', '+/event',
  '+/bus/+', '+/upstream/+', '+/broker', '+/reload/result',
];

export function filters(prefixes: string[][], names: string[] = watched): string[] {
  return prefixes.flatMap((levels) => names.map((name) => [...levels, 'device', name].join('/')));
}

/** Collects messages and takes them in together, a few times a second. */
export class Intake {
  private waiting: Message[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly prefixes: string[][],
    private readonly census: Census,
  ) {}

  readonly take = (m: Message): void => {
    this.waiting.push(m);
    this.timer ??= setTimeout(() => this.flush(), 80);
  };

  private flush(): void {
    this.timer = undefined;
    const messages = this.waiting;
    this.waiting = [];
    batch(() => messages.forEach((m) => this.one(m)));
  }

  private one(m: Message): void {
    const place = locate(m.topic, this.prefixes);
    if (place === undefined) return;
    const { prefix, id, rest } = place;
    if (m.text === '') {
      gone(prefix, id, rest);
      return;
    }
    const d = deviceAt(prefix, id);
    this.census.note(d.key, rest);
    if (rest === 'status') d.status.value = m.text === 'online' ? 'online' : 'offline';
    else takeDocument(d, rest, m);
  }
}

/** Forgets what was taken off the broker. */
function gone(prefix: string, id: string, rest: string): void {
  const [kind, name] = rest.split('/');
  if (kind === 'info') forget(prefix + id);
  if (kind !== 'bus' && kind !== 'upstream') return;
  const r = reportsOf(prefix + id);
  const all = kind === 'bus' ? r.buses : r.upstreams;
  const left = new Map(all.value as ReadonlyMap<string, never>);
  if (left.delete(name)) all.value = left;
}

/** Takes a topic apart, if it is one of a device. */
export function locate(topic: string, prefixes: string[][]): { prefix: string; id: string; rest: string } | undefined {
  const levels = topic.split('/');
  for (const p of prefixes) {
    const n = p.length;
    if (levels[n] !== 'device' || levels.length < n + 3) continue;
    if (!p.every((level, i) => level === '+' || level === levels[i])) continue;
    const prefix = levels.slice(0, n).map((level) => `${level}/`).join('');
    return { prefix, id: levels[n + 1], rest: levels.slice(n + 2).join('/') };
  }
  return undefined;
}

function takeDocument(d: Device, rest: string, m: Message): void {
  let doc: unknown;
  try {
    doc = JSON.parse(m.text);
  } catch {
    return; // somebody else publishes here
  }
  if (!isDoc(doc)) return;
  const [kind, name] = rest.split('/');
  switch (kind) {
    case 'info':
      d.info.value = readInfo(doc) ?? d.info.value;
      devices.value = new Map(devices.value); // titles and gateways may be others now
      break;
    case 'health':
      d.health.value = readHealth(doc);
      break;
    case 'state':
      d.take(readState(d, doc, m.kept), m.until);
      break;
    case 'event':
      d.addEvent({ at: Date.now(), text: m.text });
      break;
    case 'log':
      addEntries(reportsOf(d.key), [readEntry(doc)]);
      break;
    default:
      takeReport(d, kind, name, doc);
  }
}

function takeReport(d: Device, kind: string, name: string | undefined, doc: Doc): void {
  const r = reportsOf(d.key);
  if (kind === 'bus' && name !== undefined) r.buses.value = new Map(r.buses.value).set(name, readBus(doc));
  else if (kind === 'upstream' && name !== undefined) r.upstreams.value = new Map(r.upstreams.value).set(name, readUpstream(doc));
  else if (kind === 'broker') r.broker.value = readBroker(doc);
  else if (kind === 'reload' && name === 'result') r.reload.value = readReload(doc);
}

/** Reads a state, with its time in our clock. */
export function readState(d: Device, doc: Doc, kept: boolean): State {
  const { ts, errors, ...values } = doc;
  const stamped = typeof ts === 'number' ? ts : undefined;
  if (!kept && stamped !== undefined) d.stamped(stamped);
  return {
    ts: stamped === undefined ? Date.now() : d.ours(stamped),
    values: readValues(values),
    errors: readErrors(errors),
  };
}
