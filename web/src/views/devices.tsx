import { useState } from 'preact/hooks';
import { Spark } from '../parts/spark';
import { Doubt } from '../parts/doubt';
import { Empty } from '../parts/empty';
import { Flags } from '../parts/flags';
import { Status } from '../parts/status';
import { byTitle, devices, effective, gateways, holds, type Device, type Point } from '../model';
import { now } from '../now';
import { to } from '../route';
import { chosen } from '../site';
import { ago, plural, show, span, unitOf } from '../words';

const many = 12; // tiles, from which on they can be searched
const mostRows = 7; // in a tile; the device's own view has them all

/** All devices as tiles, those that are offline first. */
export function Devices() {
  const [search, setSearch] = useState('');
  const all = [...devices.value.values()].filter((d) => !d.isGateway && d.info.value !== undefined);
  const shown = chosen.value === '' ? all : all.filter((d) => d.prefix + d.info.value!.via === chosen.value);
  const offline = shown.filter((d) => !effective(d).online).sort(byTitle);
  const online = shown.filter((d) => effective(d).online).sort(byTitle);
  const doubted = shown.filter((d) => d.health.value?.doubt !== undefined).length;
  if (shown.length === 0) {
    return (
      <Empty title="No devices yet">
        <p>Devices appear here by themselves as soon as a gateway publishes them on <code>device/…</code>. Describe them in its configuration, under <code>devices</code>.</p>
      </Empty>
    );
  }
  const found = [...offline, ...online].filter((d) => matches(d, search));
  return (
    <>
      <div class="head">
        <h1>Devices</h1>
        <p class="dim">{plural(online.length, 'device')} online{offline.length > 0 && <>, <strong class="bad-text">{offline.length} offline</strong></>}{doubted > 0 && <>, <strong class="warn-text">{doubted} in doubt</strong></>}</p>
      </div>
      {shown.length > many && <div class="filters" role="search"><label class="grow">Name, id, bus or model<input type="search" value={search} onInput={(e) => setSearch(e.currentTarget.value)} /></label></div>}
      {found.length === 0 && <p class="dim">No device fits.</p>}
      <div class="tiles">{found.map((d) => <Tile key={d.key} device={d} />)}</div>
    </>
  );
}

function matches(d: Device, text: string): boolean {
  const { bus, model } = d.info.value!;
  return `${d.title} ${d.key} ${bus} ${model ?? ''}`.toLowerCase().includes(text.trim().toLowerCase());
}

function Tile({ device: d }: { device: Device }) {
  const info = d.info.value!;
  const several = gateways().length > 1;
  const rest = info.points.length - mostRows;
  return (
    <article class={`tile ${effective(d).online ? '' : 'off'}`}>
      <a class="tile-link" href={to('device', d.key)}>
        <h2>{d.title}</h2>
      </a>
      <Status device={d} />
      <Doubt device={d} small />
      <table>
        <tbody>{info.points.slice(0, mostRows).map((p) => <Row key={p.name} device={d} point={p} />)}</tbody>
      </table>
      <p class="tile-foot dim small">
        <span>{several ? `${info.via} · ` : ''}{info.bus}</span>
        <span>{rest > 0 ? `${plural(rest, 'more point')} · ` : ''}<Age device={d} /></span>
      </p>
    </article>
  );
}

function Row({ device: d, point: p }: { device: Device; point: Point }) {
  const error = d.state.value?.errors[p.name];
  const steps = p.type === 'bool' || p.enum !== undefined;
  // A device that is silent keeps its last values, as such; the status says why.
  const failed = error !== undefined && effective(d).online;
  if (p.flags !== undefined && !failed) {
    return <tr title={error}><th scope="row">{p.name}</th><td class="value words" colSpan={3}><Flags value={d.last.get(p.name)} /></td></tr>;
  }
  return (
    <tr title={error}>
      <th scope="row">{p.name}</th>
      <td class="spark-cell">{p.type !== 'text' || steps ? <Spark series={d.seriesOf(p.name)} steps={steps} hold={holds(d) && error === undefined} /> : null}</td>
      {failed
        ? <td class="value bad-text small" colSpan={2}>{error}</td>
        : <><td class="value">{show(d.last.get(p.name))}</td><td class="unit">{unitOf(p.unit)}</td></>}
    </tr>
  );
}

function Age({ device: d }: { device: Device }) {
  const s = d.state.value;
  if (s === undefined) return <>no value yet</>;
  const age = ago(now.value - s.ts);
  return effective(d).online && !holds(d) ? <strong class="warn-text">no news for {span(now.value - s.ts)}</strong> : <>{age}</>;
}
