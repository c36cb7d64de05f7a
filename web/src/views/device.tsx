import { useState } from 'preact/hooks';
import { devices, gatewayOf, holds, type Device, type Point } from '../model';
import { now } from '../now';
import { Accounts } from '../parts/accounts';
import { Chart, type Line } from '../parts/chart';
import { Control } from '../parts/control';
import { Copy } from '../parts/copy';
import { Doubt } from '../parts/doubt';
import { Empty } from '../parts/empty';
import { Flags } from '../parts/flags';
import { Icon } from '../parts/icon';
import { Spark } from '../parts/spark';
import { Status } from '../parts/status';
import { Wire } from '../parts/wire';
import { route, to } from '../route';
import { ago, at, count, show, unitOf } from '../words';

/** Everything about one device. */
export function DeviceView() {
  const d = devices.value.get(route.value.of);
  if (d === undefined || d.info.value === undefined) {
    return <Empty title="This device is not known"><p>Its gateway does not publish <code>device/{route.value.of}/info</code>. <a href={to('devices')}>All devices</a></p></Empty>;
  }
  return <Known key={d.key} device={d} />;
}

function Known({ device: d }: { device: Device }) {
  const info = d.info.value!;
  const h = d.health.value;
  const gw = gatewayOf(d);
  return (
    <>
      <div class="head">
        <a class="back" href={to('devices')} aria-label="all devices"><Icon name="back" /></a>
        <h1>{d.title}</h1>
        <Status device={d} />
      </div>
      <dl class="facts">
        <Fact name="Id"><Copy text={d.topic('#').slice(0, -2)} /></Fact>
        {info.model && <Fact name="Model">{info.model}</Fact>}
        <Fact name="Bus"><a href={to('buses')}>{info.bus}</a> <span class="dim">{info.driver}</span></Fact>
        {gw !== undefined && gw !== d && <Fact name="Gateway">{gw.title}</Fact>}
        {h?.round_trip_ms !== undefined && <Fact name="Round trip">{h.round_trip_ms} ms</Fact>}
        {h !== undefined && <Fact name="Polls">{count(h.answered)} answered, {count(h.failed)} not</Fact>}
        {h?.last_error && <Fact name="Last error">{h.last_error}</Fact>}
      </dl>
      <Doubt device={d} />
      <Charts device={d} />
      <section>
        <h2>Points</h2>
        <div class="scroll">
          <table class="list points">
            <thead><tr><th>Point</th><th>Value</th><th>Age</th><th>Write</th><th>Topic</th><th>On the wire</th></tr></thead>
            <tbody>{info.points.map((p) => <Row key={p.name} device={d} point={p} />)}</tbody>
          </table>
        </div>
      </section>
      <Accounts device={d} />
      <Wire device={d} />
      <Events device={d} />
    </>
  );
}

function Fact({ name, children }: { name: string; children: preact.ComponentChildren }) {
  return <div><dt>{name}</dt><dd>{children}</dd></div>;
}

function Row({ device: d, point: p }: { device: Device; point: Point }) {
  const s = d.state.value;
  const error = s?.errors[p.name];
  const heard = d.heard.get(p.name);
  return (
    <tr>
      <th scope="row">{p.name}</th>
      <td class="value"><span class={error === undefined && holds(d) ? '' : 'dim'}>{p.flags !== undefined ? <Flags value={d.last.get(p.name)} /> : show(d.last.get(p.name))}<span class="unit">{unitOf(p.unit)}</span></span>{error !== undefined && <div class="bad-text small">{error}</div>}</td>
      <td class="dim nowrap">{heard === undefined ? '' : ago(now.value - heard)}</td>
      <td>{p.writable ? <Control device={d} point={p} /> : <span class="dim small">read only</span>}</td>
      <td><Copy text={d.prefix + p.topic} /></td>
      <td class="dim small nowrap">{p.at}</td>
    </tr>
  );
}

const reaches = [[5, '5 min'], [15, '15 min'], [60, '1 h']] as const;

/** The charts of the points that were picked; the first ones to begin with. */
function Charts({ device: d }: { device: Device }) {
  const lines = d.info.value!.points.map((p) => lineOf(d, p)).filter((l) => l !== undefined);
  const [picked, setPicked] = useState<readonly string[]>(lines.slice(0, 2).map((l) => l.name));
  const [minutes, setMinutes] = useState<number>(5);
  if (lines.length === 0) return null;
  const flip = (name: string) => setPicked(picked.includes(name) ? picked.filter((n) => n !== name) : [...picked, name]);
  return (
    <section>
      <div class="head">
        <h2>Charts</h2>
        <div class="segments" role="group" aria-label="time shown">
          {reaches.map(([m, text]) => <button key={m} aria-pressed={m === minutes} onClick={() => setMinutes(m)}>{text}</button>)}
        </div>
      </div>
      <div class="chips" role="group" aria-label="points shown">
        {lines.map((l) => <button key={l.name} class="chip" aria-pressed={picked.includes(l.name)} onClick={() => flip(l.name)}>{l.name}<Spark series={l.series} steps={l.steps} /></button>)}
      </div>
      <div class="charts">
        {lines.filter((l) => picked.includes(l.name)).map((l) => (
          <figure key={l.name} class="card">
            <figcaption><strong>{l.name}</strong> <span class="dim">{l.unit}</span><span class="dim small right">drag to zoom, double click to go back</span></figcaption>
            <Chart line={l} reach={minutes * 60_000} />
          </figure>
        ))}
      </div>
    </section>
  );
}

function lineOf(d: Device, p: Point): Line | undefined {
  if (p.write_only || p.type === 'text' && p.enum === undefined) return undefined;
  const words = p.type === 'bool' ? ['off', 'on'] : p.enum;
  return { name: p.name, series: d.seriesOf(p.name), unit: unitOf(p.unit), steps: words !== undefined, words, holds: holds(d) && d.state.value?.errors[p.name] === undefined };
}

/** What the device told by itself. */
function Events({ device: d }: { device: Device }) {
  const events = d.events.value;
  if (events.length === 0) return null;
  return (
    <section>
      <h2>Events</h2>
      <ol class="log">{events.map((e) => <li key={`${e.at} ${e.text}`}><time class="dim">{at(e.at)}</time> <code>{e.text}</code></li>)}</ol>
    </section>
  );
}
