import { Bar } from '../parts/bar';
import { Counts } from '../parts/counts';
import { Empty } from '../parts/empty';
import { Figure } from '../parts/figure';
import { ForGateway } from '../parts/needs';
import { Status } from '../parts/status';
import { byTitle, devices, effective, type Device } from '../model';
import { reportsOf, type BusReport } from '../reports';
import { to } from '../route';
import { count, plural, rate } from '../words';

export const Buses = () => <ForGateway draw={All} />;

function All({ gateway: gw }: { gateway: Device }) {
  const buses = [...reportsOf(gw.key).buses.value].sort(([a], [b]) => a.localeCompare(b));
  const down = buses.filter(([, b]) => !b.open).length;
  if (buses.length === 0) return <Empty title="No buses yet"><p>A bus is a serial line, a network address or a chip with devices on it, under <code>buses</code> in the configuration.</p></Empty>;
  return (
    <>
      <div class="head">
        <h1>Buses</h1>
        <p class="dim">{plural(buses.length, 'bus', 'buses')}{down > 0 && <>, <strong class="bad-text">{down} down</strong></>}</p>
      </div>
      <div class="tiles wide">{buses.map(([name, b]) => <Bus key={name} name={name} bus={b} gateway={gw} />)}</div>
    </>
  );
}

function Bus({ name, bus: b, gateway: gw }: { name: string; bus: BusReport; gateway: Device }) {
  const own = b.devices.map((id) => devices.value.get(gw.prefix + id)).filter((d) => d !== undefined).sort(byTitle);
  const dead = own.filter((d) => !effective(d).online);
  const behind = b.wanted - b.achieved > Math.max(0.2, 0.1 * b.wanted);
  return (
    <article class={`card bus ${b.open ? '' : 'off'}`}>
      <div class="head">
        <h2>{name}</h2>
        <span class={`status ${b.open ? 'online' : 'offline'}`}><span class="dot" aria-hidden="true" />{b.open ? 'open' : (b.reason ?? 'not open')}</span>
      </div>
      <p class="dim small">{b.driver}{b.place !== '' && <> · <code>{b.place}</code></>}</p>
      <div class="load">
        <span class="dim small">Busy</span><strong>{rate(b.load)} %</strong>
        <Bar share={b.load / 100} label={`load of ${name}`} />
      </div>
      <dl class="figures">
        <Figure name="Polls a second" bad={behind}>{rate(b.achieved)} <span class="dim">of {rate(b.wanted)}</span></Figure>
        <Figure name="Polls">{count(b.polls)}</Figure>
        <Figure name="Writes">{count(b.writes)}</Figure>
        <Figure name="Skipped" bad={b.missed > 0 && behind}>{count(b.missed)}</Figure>
      </dl>
      <h3>Errors</h3>
      <Counts of={b.errors} none="None since the start." />
      <h3>Devices</h3>
      <ul class="rows">
        {[...dead, ...own.filter((d) => !dead.includes(d))].map((d) => <li key={d.key}><a href={to('device', d.key)}>{d.title}</a><Status device={d} /></li>)}
      </ul>
    </article>
  );
}
