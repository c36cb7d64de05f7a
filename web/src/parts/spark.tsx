import { useEffect, useRef } from 'preact/hooks';
import type { Series } from '../history';
import { now } from '../now';

const width = 96;
const height = 24;

// A line does not begin as a speck: the first minute fills the width.
const shortest = 60_000;

/** The last minutes as a line, drawn into its place without moving anything. */
export function Spark({ series, reach = 5 * 60_000, steps = false, hold = true }: { series: Series; reach?: number; steps?: boolean; hold?: boolean }) {
  const line = useRef<SVGPathElement>(null);
  const until = now.value;
  useEffect(() => line.current?.setAttribute('d', sparkPath(series, begin(series, until, reach), until, steps, hold)), [until, series, reach, steps, hold]);
  return <svg class="spark" viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true"><path ref={line} /></svg>;
}

const begin = (series: Series, until: number, reach: number) =>
  Math.max(until - reach, Math.min(series.times[0] ?? until, until - shortest));

/** The path of a series between two times; the last value goes on to the end if it holds. */
export function sparkPath(series: Series, from: number, until: number, steps: boolean, hold: boolean): string {
  const [times, values] = series.since(from);
  if (values.length === 0) return '';
  const low = Math.min(...values);
  const high = Math.max(...values);
  const x = (t: number) => Math.max(0, Math.min(width, ((t - from) / (until - from)) * width));
  const y = (v: number) => (high === low ? height / 2 : height - 2 - ((v - low) / (high - low)) * (height - 4));
  let d = `M${x(times[0]).toFixed(1)} ${y(values[0]).toFixed(1)}`;
  for (let i = 1; i < values.length; i++) {
    if (steps) d += `H${x(times[i]).toFixed(1)}`;
    d += `L${x(times[i]).toFixed(1)} ${y(values[i]).toFixed(1)}`;
  }
  return hold ? `${d}H${width}` : d;
}
