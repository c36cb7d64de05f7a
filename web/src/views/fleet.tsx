import { Empty } from '../parts/empty';
import { Status } from '../parts/status';
import { byTitle, devices, effective, gatewayOf, gateways, type Device } from '../model';
import { reportsOf } from '../reports';
import { to } from '../route';
import { chosen } from '../site';
import { plural, span } from '../words';

/** All gateways that bridge to this broker, those with trouble first. */
export function Fleet() {
  const all = gateways();
  if (all.length === 0) return <Empty title="No gateways yet"><p>Every gateway that publishes to this broker, its own or by a bridge, shows up here with its devices.</p></Empty>;
  const trouble = (g: Device) => (effective(g).online ? (offline(g).length > 0 ? 1 : 2) : 0);
  const sorted = [...all].sort((a, b) => trouble(a) - trouble(b) || byTitle(a, b));
  const down = all.filter((g) => !effective(g).online).length;
  return (
    <>
      <div class="head">
        <h1>Fleet</h1>
        <p class="dim">{plural(all.length, 'gateway')}{down > 0 && <>, <strong class="bad-text">{down} offline</strong></>}</p>
      </div>
      <div class="tiles wide">{sorted.map((g) => <Gateway key={g.key} gateway={g} />)}</div>
    </>
  );
}

/** The devices of a gateway. One is up if it and its gateway are. */
const behind = (g: Device) => [...devices.value.values()].filter((d) => d !== g && gatewayOf(d) === g).sort(byTitle);
const offline = (g: Device) => behind(g).filter((d) => !effective(d).online);

function Gateway({ gateway: g }: { gateway: Device }) {
  const own = behind(g);
  const dead = offline(g);
  const uptime = g.state.value?.values.uptime;
  const links = [...reportsOf(g.key).upstreams.value.values()];
  return (
    <article class={`card bus ${effective(g).online ? '' : 'off'}`}>
      <div class="head">
        <h2><a href={to('devices')} onClick={() => (chosen.value = g.key)}>{g.title}</a></h2>
        <Status device={g} />
      </div>
      <p class="dim small">
        <code>{g.key}</code> · {g.info.value?.model}
        {typeof uptime === 'number' && effective(g).online && ` · up ${span(uptime * 1000)}`}
        {links.length > 0 && ` · ${plural(links.filter((l) => l.connected).length, 'link')} up of ${links.length}`}
      </p>
      <p>{plural(own.length - dead.length, 'device')} online{dead.length > 0 && <>, <strong class="bad-text">{dead.length} offline</strong></>}</p>
      <ul class="rows">
        {[...dead, ...own.filter((d) => !dead.includes(d))].map((d) => <li key={d.key}><a href={to('device', d.key)}>{d.title}</a><Status device={d} /></li>)}
      </ul>
    </article>
  );
}
