// What a gateway says of its own works: retained under device/<gateway>/.

import { signal, type Signal } from '@preact/signals';

export interface BusReport {
  ts: number;
  driver: string;
  place: string;
  open: boolean;
  reason?: string;
  load: number; // percent of its time
  wanted: number; // polls a second that the schedule asks for
  achieved: number;
  polls: number;
  writes: number;
  missed: number;
  errors: Record<string, number>;
  devices: string[];
}

/** What became of the messages of a device for an upstream. */
export interface Account {
  produced: number; // = delivered + queued + all dropped
  delivered: number;
  queued: number;
  dropped: Record<string, number>; // by reason
}

export interface UpstreamReport {
  ts: number;
  url: string;
  connected: boolean;
  since?: number;
  reason?: string;
  produced: number;
  delivered: number;
  backlog: number;
  bytes: number;
  max_bytes: number;
  oldest?: number; // when the oldest message that waits was published, in ms
  dropped: Record<string, number>;
  received: number;
  refused: Record<string, number>;
  delivered_rate: number;
  accounts?: Record<string, Account>; // by device
}

export interface BrokerReport {
  ts: number;
  listeners: string[];
  connected: number;
  sessions: number;
  subscriptions: number;
  retained: number;
  received: number;
  sent: number;
  dropped: number;
  store?: string; // why what must be kept is not acknowledged
  received_rate: number; // messages a second
  sent_rate: number;
  received_bytes_rate: number;
  sent_bytes_rate: number;
}

/** What became of the last try to put a changed file into force. */
export interface ReloadReport {
  ok: boolean;
  ts: number;
  file: string;
  changes?: string[];
  faults?: Fault[];
  error?: string;
  restart?: boolean; // puts it into force
}

export interface Fault {
  file: string;
  line: number;
  column: number;
  path: string;
  text: string;
}

export interface LogEntry {
  ts: number;
  level: 'debug' | 'info' | 'warn' | 'error';
  part: string;
  text: string;
  details?: Record<string, string>;
}

/** The reports of one gateway. */
export class Reports {
  readonly buses: Signal<ReadonlyMap<string, BusReport>> = signal(new Map());
  readonly upstreams: Signal<ReadonlyMap<string, UpstreamReport>> = signal(new Map());
  readonly broker = signal<BrokerReport | undefined>(undefined);
  readonly reload = signal<ReloadReport | undefined>(undefined);
  readonly log = signal<readonly LogEntry[]>([]);
}

const all = new Map<string, Reports>();

/** The reports of the gateway with this key; empty ones until it speaks. */
export function reportsOf(key: string): Reports {
  let r = all.get(key);
  if (r === undefined) all.set(key, (r = new Reports()));
  return r;
}

export function forgetReports(): void {
  all.clear();
}

const mostEntries = 2000;

/** Adds entries to the log, each once, in the order of their times. */
export function addEntries(r: Reports, fresh: readonly LogEntry[]): void {
  const seen = new Set(r.log.value.map(entryKey));
  const added = fresh.filter((e) => !seen.has(entryKey(e)));
  if (added.length === 0) return;
  r.log.value = [...r.log.value, ...added].sort((a, b) => a.ts - b.ts).slice(-mostEntries);
}

const entryKey = (e: LogEntry): string => `${e.ts} ${e.part} ${e.text} ${JSON.stringify(e.details ?? {})}`;
