import { useRef } from 'preact/hooks';
import { Bar } from '../parts/bar';
import { Counts } from '../parts/counts';
import { Empty } from '../parts/empty';
import { Figure } from '../parts/figure';
import { ForGateway } from '../parts/needs';
import type { Device } from '../model';
import { now } from '../now';
import { reportsOf, type UpstreamReport } from '../reports';
import { bytes, count, plural, rate, sentence, span } from '../words';

export const Upstreams = () => <ForGateway draw={All} />;

function All({ gateway: gw }: { gateway: Device }) {
  const all = [...reportsOf(gw.key).upstreams.value].sort(([a], [b]) => a.localeCompare(b));
  const away = all.filter(([, u]) => !u.connected).length;
  if (all.length === 0) return <Empty title="No upstreams"><p>To bring these topics to a broker in the cloud, name it under <code>upstreams</code> in the configuration.</p></Empty>;
  return (
    <>
      <div class="head">
        <h1>Upstreams</h1>
        <p class="dim">{plural(all.length - away, 'link')} up{away > 0 && <>, <strong class="bad-text">{away} down</strong></>}</p>
      </div>
      <div class="tiles wide">{all.map(([name, u]) => <Upstream key={name} name={name} up={u} gateway={gw} />)}</div>
    </>
  );
}

function Upstream({ name, up: u, gateway: gw }: { name: string; up: UpstreamReport; gateway: Device }) {
  const dropped = Object.values(u.dropped).reduce((a, b) => a + b, 0);
  const since = u.since ? ` for ${span(now.value - gw.ours(u.since))}` : '';
  return (
    <article class={`card bus ${u.connected ? '' : 'off'}`}>
      <div class="head">
        <h2>{name}</h2>
        <span class={`status ${u.connected ? 'online' : 'offline'}`}><span class="dot" aria-hidden="true" />{u.connected ? `connected${since}` : `away${since}`}</span>
      </div>
      <p class="dim small"><code>{u.url}</code></p>
      {!u.connected && u.reason && <p class="notice bad">{sentence(u.reason)}.</p>}
      <Backlog name={name} up={u} oldest={u.oldest && gw.ours(u.oldest)} />
      <dl class="figures">
        <Figure name="Delivered">{count(u.delivered)}</Figure>
        <Figure name="A second">{rate(u.delivered_rate)}</Figure>
        <Figure name="Came in">{count(u.received)}</Figure>
        <Figure name="Dropped" bad={dropped > 0}>{count(dropped)}</Figure>
      </dl>
      {dropped > 0 && <><h3>Dropped because of</h3><Counts of={u.dropped} none="" /></>}
      {Object.keys(u.refused).length > 0 && <><h3>Came in and were refused</h3><Counts of={u.refused} none="" /></>}
    </article>
  );
}

// Less than this waits all the time: messages that are under way.
const underWay = 20;

/** What waits: filling up while the link is down, draining when it is back. */
function Backlog({ name, up: u, oldest }: { name: string; up: UpstreamReport; oldest: number | undefined }) {
  const peak = useRef(0);
  peak.current = u.backlog <= underWay ? 0 : Math.max(peak.current, u.backlog);
  const draining = u.connected && u.backlog > underWay;
  const full = u.max_bytes > 0 ? u.bytes / u.max_bytes : 0;
  const age = oldest ? `, the oldest for ${span(now.value - oldest)}` : '';
  return (
    <div class="load">
      <span class="dim small">{draining ? 'Draining' : 'Backlog'}</span>
      <strong>{u.backlog <= underWay && u.connected ? 'empty' : plural(u.backlog, 'message')}</strong>
      {draining
        ? <Progress share={1 - u.backlog / peak.current} label={`drain of ${name}`} />
        : <Bar share={full} label={`backlog of ${name}`} />}
      <span class="dim small whole">
        {draining ? `${count(peak.current - u.backlog)} of ${count(peak.current)} sent${remaining(u)}`
          : u.backlog > underWay ? `${bytes(u.bytes)}${u.max_bytes > 0 ? ` of ${bytes(u.max_bytes)}` : ''}${age}` : u.max_bytes > 0 ? `room for ${bytes(u.max_bytes)}` : 'what waits is kept as the store has room'}
      </span>
    </div>
  );
}

function Progress({ share, label }: { share: number; label: string }) {
  return (
    <div class="bar" role="progressbar" aria-label={label} aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(share * 100)}>
      <div class="bar-fill" style={{ width: `${share * 100}%` }} />
    </div>
  );
}

const remaining = (u: UpstreamReport) => (u.delivered_rate > 1 ? `, about ${span((u.backlog / u.delivered_rate) * 1000)} to go` : '');
