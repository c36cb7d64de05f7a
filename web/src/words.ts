// Numbers, spans and units as people say them.

/** UCUM codes that read better another way; all others stand as they are. */
const units: Record<string, string> = {
  Cel: '°C', '[degF]': '°F', K: 'K', '%': '%', 'kW.h': 'kWh', 'W.h': 'Wh', 'MW.h': 'MWh', 'var.h': 'varh', 'kvar.h': 'kvarh',
  'V.A': 'VA', 'kV.A': 'kVA', 'm3/h': 'm³/h', m3: 'm³', m2: 'm²', 'l/min': 'l/min', '/min': '1/min', By: 'B', 'By/s': 'B/s', ug: 'µg',
  'ug/m3': 'µg/m³', um: 'µm', us: 'µs', Ohm: 'Ω', deg: '°', '[ppm]': 'ppm', 'm/s2': 'm/s²', 'W/m2': 'W/m²', '1': '', '': '',
};

export const unitOf = (ucum: string | undefined): string => units[ucum ?? ''] ?? ucum ?? '';

/** A span in its largest unit, or two: "40 s", "3 min", "2 h 5 min", "4 d". */
export function span(ms: number): string {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  const min = Math.floor(s / 60);
  if (min < 60) return `${min} min`;
  const h = Math.floor(min / 60);
  if (h < 10) return min % 60 === 0 ? `${h} h` : `${h} h ${min % 60} min`;
  return h < 48 ? `${h} h` : `${Math.floor(h / 24)} d`;
}

export const ago = (ms: number): string => (ms < 1500 ? 'now' : `${span(ms)} ago`);

/** A time of today by the clock, an older one with its date. */
export function at(time: number): string {
  const t = new Date(time);
  const clock = t.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
  return t.toDateString() === new Date().toDateString() ? clock : `${t.toLocaleDateString()} ${clock}`;
}

/** Digits in groups of three, with a thin space that does not break. */
export function count(n: number): string {
  return Math.round(n).toString().replace(/\B(?=(\d{3})+(?!\d))/g, '\u202f');
}

/** A rate or a share with as many digits as it deserves. */
export function rate(n: number): string {
  if (n === 0) return '0';
  return n < 10 ? n.toFixed(1) : count(n);
}

export function bytes(n: number): string {
  for (const [size, name] of [[1 << 30, 'GiB'], [1 << 20, 'MiB'], [1 << 10, 'KiB']] as const) {
    if (n >= size) return `${(n / size).toFixed(n < 10 * size ? 1 : 0)} ${name}`;
  }
  return `${n} B`;
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

export type Value = number | boolean | string;

/** A value as it stands in a tile. */
export function show(v: Value | undefined): string {
  if (v === undefined) return '–';
  if (v === true) return 'on';
  if (v === false) return 'off';
  if (typeof v === 'number' && Number.isInteger(v) && Math.abs(v) >= 10_000) return count(v);
  return String(v);
}

/** A reason as the start of a sentence. */
export const sentence = (s: string): string => (s === '' ? '' : s[0].toUpperCase() + s.slice(1));
