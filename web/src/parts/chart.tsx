import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import type { Series } from '../history';
import { now } from '../now';

export interface Line {
  name: string;
  series: Series;
  unit: string;
  steps: boolean;
  /** Words for the values of a switch or a list. */
  words?: string[];
  /** The last value still holds: the device goes on saying it. */
  holds: boolean;
}

const height = 180;

// Hours and minutes as on a clock of 24, seconds where there are several a minute.
const times: uPlot.Axis.Values = [
  [60, '{HH}:{mm}', null, null, null, null, null, null, 1],
  [1, '{HH}:{mm}:{ss}', null, null, null, null, null, null, 1],
];

/** One line over the last minutes. Dragging zooms in, a double click back out. */
export function Chart({ line, reach }: { line: Line; reach: number }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const zoomed = useRef(false);

  useEffect(() => {
    const p = new uPlot(options(line, box.current!.clientWidth, zoomed), [[], []], box.current!);
    plot.current = p;
    const place = box.current!;
    const fit = new ResizeObserver(() => p.setSize({ width: place.clientWidth, height }));
    fit.observe(place);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const repaint = () => p.redraw();
    scheme.addEventListener('change', repaint);
    return () => {
      scheme.removeEventListener('change', repaint);
      fit.disconnect();
      p.destroy();
    };
  }, [line.name, line.series]);

  const until = now.value;
  useEffect(() => {
    const [times, values] = upTo(line, until - reach, until);
    plot.current?.setData([times.map((t) => t / 1000), values], false);
    if (!zoomed.current) plot.current?.setScale('x', { min: (until - reach) / 1000, max: until / 1000 });
    else plot.current?.redraw(true);
  }, [until, reach, line.series]);

  return <div class="chart" ref={box} role="img" aria-label={`chart of ${line.name}`} />;
}

/** The samples of a span; the last value is held until now, if it holds. */
function upTo({ series, holds }: Line, from: number, until: number): [number[], number[]] {
  const [times, values] = series.since(from);
  if (holds && values.length > 0 && times[times.length - 1] < until) {
    times.push(until);
    values.push(values[values.length - 1]);
  }
  return [times, values];
}

const color = (name: string) => () => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function options(line: Line, width: number, zoomed: { current: boolean }): uPlot.Options {
  const axis = { stroke: color('--dim'), grid: { stroke: color('--line'), width: 1 }, ticks: { show: false }, font: '12px system-ui' };
  return {
    width,
    height,
    legend: { show: false },
    cursor: { drag: { x: true, y: false }, points: { size: 7 }, y: false },
    scales: { y: { range: (_, low, high) => padded(low, high, line) } },
    axes: [
      { ...axis, space: 80, size: 28, values: times },
      { ...axis, size: 56, values: line.words === undefined ? undefined : (_, splits) => splits.map((v) => line.words![v] ?? ''), incrs: line.words === undefined ? undefined : [1] },
    ],
    series: [{}, {
      stroke: color('--accent'),
      fill: line.steps ? undefined : color('--accent-faint'),
      width: 1.75,
      paths: line.steps ? uPlot.paths.stepped!({ align: 1 }) : uPlot.paths.linear!(),
      points: { show: false },
    }],
    hooks: {
      setSelect: [() => (zoomed.current = true)],
      setCursor: [(u) => readOut(u, line)],
      ready: [(u) => {
        const out = document.createElement('output');
        out.className = 'chart-out';
        u.over.append(out);
        u.over.addEventListener('dblclick', () => (zoomed.current = false));
      }],
    },
  };
}

/** Says the value under the pointer. */
function readOut(u: uPlot, line: Line): void {
  const out = u.over.querySelector('output');
  const i = u.cursor.idx;
  if (out === null) return;
  if (i == null || u.data[1][i] == null) {
    out.textContent = '';
    return;
  }
  const v = u.data[1][i]!;
  const t = new Date(u.data[0][i] * 1000).toLocaleTimeString(undefined, { hour12: false });
  out.textContent = `${line.words?.[v] ?? `${v} ${line.unit}`} · ${t}`;
}

function padded(low: number, high: number, line: Line): [number, number] {
  if (line.words !== undefined) return [-0.2, line.words.length - 0.8];
  if (low == null || high == null || !isFinite(low)) return [0, 1];
  const pad = (high - low) * 0.12 || Math.max(Math.abs(high) * 0.02, 0.5);
  return [low - pad, high + pad];
}
