// What is known of gateways and devices, from their topics. One signal for each
// thing that changes by itself, so that a value redraws its tile and no other.

import { signal, type Signal } from '@preact/signals';
import { Clock } from './clock';
import { Series } from './history';
import { now } from './now';
import type { Value } from './words';

export interface Point {
  name: string;
  type: 'bool' | 'integer' | 'number' | 'text';
  unit?: string;
  enum?: string[];
  flags?: string[]; // of these, a value has any number
  writable: boolean;
  write_only?: boolean; // it is never read
  min?: number;
  max?: number;
  step?: number;
  topic: string;
  at: string;
}

export interface Info {
  name?: string;
  model?: string;
  driver: string;
  bus: string;
  via: string;
  points: Point[];
}

export interface Health {
  status: string;
  since?: number;
  reason?: string;
  answered: number;
  failed: number;
  round_trip_ms?: number;
  last_error?: string;
  doubt?: string; // why it may not be what its profile says
}

/** The last state of a device. */
export interface State {
  ts: number; // of the newest value, in the clock of this browser
  values: Record<string, Value>;
  errors: Record<string, string>;
}

export interface DeviceEvent {
  at: number;
  text: string;
}

const mostEvents = 100;

export class Device {
  readonly status = signal<'online' | 'offline' | ''>('');
  readonly info = signal<Info | undefined>(undefined);
  readonly health = signal<Health | undefined>(undefined);
  readonly state = signal<State | undefined>(undefined);
  readonly events = signal<readonly DeviceEvent[]>([]);
  readonly series = new Map<string, Series>();
  /** When each value last came or changed, in the clock of this browser. */
  readonly heard = new Map<string, number>();
  /** The last good value of each point, whatever came of it since. */
  readonly last = new Map<string, Value>();
  /** Until when the state holds if it is not said again; undefined: nobody knows. */
  until: number | undefined;
  private readonly clock = new Clock();

  constructor(
    readonly prefix: string,
    readonly id: string,
  ) {}

  get key(): string {
    return this.prefix + this.id;
  }

  get title(): string {
    return this.info.value?.name || this.id;
  }

  /** The topic of this device, as the broker that we speak to has it. */
  topic(rest: string): string {
    return `${this.prefix}device/${this.id}/${rest}`;
  }

  /** How far its clock, which is its gateway's, is ahead of ours, in ms. */
  get skew(): number {
    return (gatewayOf(this) ?? this).clock.ahead ?? 0;
  }

  /** Learns of the clock from a message that came this moment. */
  stamped(ts: number): void {
    (gatewayOf(this) ?? this).clock.hear(ts, Date.now());
  }

  /** A time that the device tells, in the clock of this browser. */
  ours(ts: number): number {
    return ts - this.skew;
  }

  /** Whether this is a gateway: the one that serves itself. */
  get isGateway(): boolean {
    return this.info.value?.via === this.id;
  }

  seriesOf(point: string): Series {
    let s = this.series.get(point);
    if (s === undefined) this.series.set(point, (s = new Series()));
    return s;
  }

  /** Takes a state in: values for the tile, numbers for the charts. */
  take(s: State, until?: number): void {
    for (const [name, v] of Object.entries(s.values)) {
      if ((this.heard.get(name) ?? 0) <= s.ts) {
        this.heard.set(name, s.ts);
        this.last.set(name, v);
      }
      const n = numeric(v, this.info.value?.points.find((p) => p.name === name));
      if (n !== undefined) this.seriesOf(name).add(s.ts, n);
    }
    const before = this.state.value;
    if (before !== undefined && before.ts > s.ts) return;
    this.until = until ?? this.until;
    this.state.value = s;
  }

  addEvent(e: DeviceEvent): void {
    this.events.value = [e, ...this.events.value].slice(0, mostEvents);
  }
}

/** A value as a chart has it: on is 1, a word is its place in the list. */
export function numeric(v: Value, p: Point | undefined): number | undefined {
  if (typeof v === 'number') return v;
  if (typeof v === 'boolean') return v ? 1 : 0;
  const i = p?.enum?.indexOf(v) ?? -1;
  return i < 0 ? undefined : i;
}

/** All devices by key, gateways among them; replaced when one comes or goes. */
export const devices: Signal<ReadonlyMap<string, Device>> = signal(new Map());

export function deviceAt(prefix: string, id: string): Device {
  const key = prefix + id;
  let d = devices.value.get(key);
  if (d === undefined) {
    d = new Device(prefix, id);
    devices.value = new Map(devices.value).set(key, d);
  }
  return d;
}

export function forget(key: string): void {
  const left = new Map(devices.value);
  if (left.delete(key)) devices.value = left;
}

/** The gateway that a device is served by. */
export function gatewayOf(d: Device): Device | undefined {
  const via = d.info.value?.via;
  return via === undefined ? undefined : devices.value.get(d.prefix + via);
}

export const gateways = (): Device[] => [...devices.value.values()].filter((d) => d.isGateway).sort(byTitle);

export const byTitle = (a: Device, b: Device): number => a.title.localeCompare(b.title) || a.key.localeCompare(b.key);

/** The reason of a device that has no status. */
export const unknown = 'nothing is known of it yet';

export interface Effective {
  online: boolean;
  /** Since when, if that is known. */
  since?: number;
  /** Why it is not online. */
  reason: string;
}

/** Whether the last values are still those of now: a device that is away, or whose
    gateway has not vouched for them in time, leaves them open. */
export function holds(d: Device): boolean {
  return effective(d).online && (d.until === undefined || now.value < d.until);
}

/** A device is up if it and its gateway are. */
export function effective(d: Device): Effective {
  const h = d.health.value;
  const g = gatewayOf(d);
  if (g !== undefined && g !== d && g.status.value === 'offline') {
    return { online: false, since: g.health.value?.status === 'offline' ? g.health.value.since : undefined, reason: `its gateway ${g.title} is offline` };
  }
  const fits = h !== undefined && h.status === d.status.value;
  return {
    online: d.status.value === 'online',
    since: fits ? h.since : undefined,
    reason: d.status.value === '' ? unknown : fits ? (h.reason ?? '') : '',
  };
}
