// What others publish under device/ is not always what docs/TOPICS.md says: a
// sensor with a firmware of its own, an older gateway, a typing error. Documents
// are read here, once, into what the views may rely on.

import type { Health, Info, Point } from './model';
import type { Account, BrokerReport, BusReport, Fault, LogEntry, ReloadReport, UpstreamReport } from './reports';
import type { Value } from './words';

export type Doc = Record<string, unknown>;

export const isDoc = (v: unknown): v is Doc => typeof v === 'object' && v !== null && !Array.isArray(v);

const text = (v: unknown): string | undefined => (typeof v === 'string' && v !== '' ? v : undefined);
const number = (v: unknown): number | undefined => (typeof v === 'number' && Number.isFinite(v) ? v : undefined);
const texts = (v: unknown): string[] => (Array.isArray(v) ? v.filter((e) => typeof e === 'string') : []);
const docs = (v: unknown): Doc[] => (Array.isArray(v) ? v.filter(isDoc) : []);

/** The entries of an object whose values fit. */
function entries<T>(v: unknown, fits: (v: unknown) => v is T): Record<string, T> {
  return isDoc(v) ? (Object.fromEntries(Object.entries(v).filter(([, e]) => fits(e))) as Record<string, T>) : {};
}
const isText = (v: unknown): v is string => typeof v === 'string';
const isNumber = (v: unknown): v is number => number(v) !== undefined;
const isValue = (v: unknown): v is Value => isNumber(v) || typeof v === 'boolean' || typeof v === 'string';

/** Undefined: it is no birth certificate. */
export function readInfo(d: Doc): Info | undefined {
  if (!Array.isArray(d.points)) return undefined;
  return {
    name: text(d.name)?.trim(), model: text(d.model), driver: text(d.driver) ?? '', bus: text(d.bus) ?? '', via: text(d.via) ?? '',
    points: docs(d.points).map(readPoint).filter((p) => p !== undefined),
  };
}

const types: readonly string[] = ['bool', 'integer', 'number', 'text'];

function readPoint(d: Doc): Point | undefined {
  const name = text(d.name);
  const topic = text(d.topic);
  if (name === undefined || topic === undefined) return undefined;
  return {
    name, topic, type: types.includes(d.type as string) ? (d.type as Point['type']) : 'text', unit: text(d.unit), writable: d.writable === true, write_only: d.write_only === true,
    enum: Array.isArray(d.enum) ? texts(d.enum) : undefined, flags: Array.isArray(d.flags) ? texts(d.flags) : undefined,
    min: number(d.min), max: number(d.max), step: number(d.step), at: text(d.at) ?? '',
  };
}

export function readHealth(d: Doc): Health {
  return {
    status: text(d.status) ?? '', since: number(d.since), reason: text(d.reason), answered: number(d.answered) ?? 0, failed: number(d.failed) ?? 0,
    round_trip_ms: number(d.round_trip_ms), last_error: text(d.last_error), doubt: text(d.doubt),
  };
}

export const readValues = (d: Doc): Record<string, Value> => entries(d, isValue);
export const readErrors = (v: unknown): Record<string, string> => entries(v, isText);

export function readBus(d: Doc): BusReport {
  const n = (key: string) => number(d[key]) ?? 0;
  return {
    ts: n('ts'), driver: text(d.driver) ?? '', place: text(d.place) ?? '', open: d.open === true, reason: text(d.reason),
    load: n('load'), wanted: n('wanted'), achieved: n('achieved'), polls: n('polls'), writes: n('writes'), missed: n('missed'),
    errors: entries(d.errors, isNumber), devices: texts(d.devices),
  };
}

export function readUpstream(d: Doc): UpstreamReport {
  const n = (key: string) => number(d[key]) ?? 0;
  return {
    ts: n('ts'), url: text(d.url) ?? '', connected: d.connected === true, since: number(d.since), reason: text(d.reason),
    produced: n('produced'), delivered: n('delivered'), backlog: n('backlog'), bytes: n('bytes'), max_bytes: n('max_bytes'), oldest: number(d.oldest),
    dropped: entries(d.dropped, isNumber), received: n('received'), refused: entries(d.refused, isNumber), delivered_rate: n('delivered_rate'),
    accounts: Object.fromEntries(Object.entries(entries(d.accounts, isDoc)).map(([id, a]) => [id, readAccount(a)])),
  };
}

const readAccount = (d: Doc): Account => ({
  produced: number(d.produced) ?? 0, delivered: number(d.delivered) ?? 0, queued: number(d.queued) ?? 0, dropped: entries(d.dropped, isNumber),
});

export function readBroker(d: Doc): BrokerReport {
  const n = (key: string) => number(d[key]) ?? 0;
  return {
    ts: n('ts'), listeners: texts(d.listeners), connected: n('connected'), sessions: n('sessions'), subscriptions: n('subscriptions'),
    retained: n('retained'), received: n('received'), sent: n('sent'), dropped: n('dropped'), received_rate: n('received_rate'),
    sent_rate: n('sent_rate'), received_bytes_rate: n('received_bytes_rate'), sent_bytes_rate: n('sent_bytes_rate'),
    store: text(d.store),
  };
}

export function readReload(d: Doc): ReloadReport {
  return {
    ok: d.ok === true, ts: number(d.ts) ?? 0, file: text(d.file) ?? '', changes: texts(d.changes), faults: docs(d.faults).map(readFault),
    error: text(d.error), restart: d.restart === true,
  };
}

const readFault = (d: Doc): Fault => ({
  file: text(d.file) ?? '', line: number(d.line) ?? 0, column: number(d.column) ?? 0, path: text(d.path) ?? '', text: text(d.text) ?? '',
});

const levels: readonly string[] = ['debug', 'info', 'warn', 'error'];

export function readEntry(d: Doc): LogEntry {
  return {
    ts: number(d.ts) ?? 0, level: levels.includes(d.level as string) ? (d.level as LogEntry['level']) : 'info',
    part: text(d.part) ?? '', text: text(d.text) ?? '', details: entries(d.details, isText),
  };
}
