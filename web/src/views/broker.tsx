import { useState } from 'preact/hooks';
import { useAnswer } from '../ask';
import { Empty } from '../parts/empty';
import { Figure } from '../parts/figure';
import { ForGateway } from '../parts/needs';
import { Retained } from '../parts/retained';
import type { Device } from '../model';
import { now } from '../now';
import { reportsOf } from '../reports';
import { ago, bytes, count, plural, rate, sentence } from '../words';

export const Broker = () => <ForGateway draw={Works} />;

function Works({ gateway: gw }: { gateway: Device }) {
  const b = reportsOf(gw.key).broker.value;
  return (
    <>
      <div class="head">
        <h1>Broker</h1>
        {b !== undefined && <p class="dim">{b.listeners.map((url, i) => <>{i > 0 && ' · '}<code>{url}</code></>)}</p>}
      </div>
      {b?.store !== undefined && <p class="notice bad">What has to be kept is not acknowledged. {sentence(b.store)}.</p>}
      {b === undefined
        ? <Empty inside title="The broker has not said anything yet" />
        : (
          <dl class="figures card">
            <Figure name="Clients">{count(b.connected)} <span class="dim">{b.sessions > b.connected ? `+ ${count(b.sessions - b.connected)} away` : ''}</span></Figure>
            <Figure name="In">{rate(b.received_rate)} <span class="dim">a second, {bytes(b.received_bytes_rate)}/s</span></Figure>
            <Figure name="Out">{rate(b.sent_rate)} <span class="dim">a second, {bytes(b.sent_bytes_rate)}/s</span></Figure>
            <Figure name="Subscriptions">{count(b.subscriptions)}</Figure>
            <Figure name="Retained">{count(b.retained)}</Figure>
            <Figure name="Dropped" bad={b.dropped > 0}>{count(b.dropped)}</Figure>
          </dl>
        )}
      <Clients gateway={gw} />
      <Retained prefix={gw.prefix} />
    </>
  );
}

interface Client {
  id: string;
  user?: string;
  connected: boolean;
  address?: string;
  listener?: string;
  version?: string;
  heard?: number;
  subscriptions: string[];
  more_subscriptions?: number;
  queued: number;
  in_flight: number;
}

function Clients({ gateway: gw }: { gateway: Device }) {
  const [search, setSearch] = useState('');
  const { found, error, busy, again } = useAnswer<{ clients: Client[]; total: number }>(gw, 'clients', { search, limit: 200 });
  return (
    <section>
      <div class="head">
        <h2>Clients</h2>
        {found !== undefined && <span class="dim small">{plural(found.total, 'client')}{found.total > found.clients.length && `, the first ${found.clients.length} are shown`}</span>}
        <button class="quiet right" onClick={again} disabled={busy}>Ask again</button>
      </div>
      <div class="filters"><label class="grow">Id, user or address<input type="search" value={search} onInput={(e) => setSearch(e.currentTarget.value)} /></label></div>
      {error !== undefined && <p class="notice">{error}.</p>}
      {found !== undefined && found.clients.length === 0 && <p class="dim">No client fits.</p>}
      {found !== undefined && found.clients.length > 0 && (
        <div class="scroll">
          <table class="list">
            <thead><tr><th>Client</th><th>User</th><th>Address</th><th>MQTT</th><th>Heard</th><th>Subscriptions</th><th class="num">Waiting</th></tr></thead>
            <tbody>{found.clients.map((c) => <Row key={c.id} client={c} heard={c.heard && gw.ours(c.heard)} />)}</tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Row({ client: c, heard }: { client: Client; heard: number | undefined }) {
  return (
    <tr>
      <th scope="row" class="nowrap"><span class={`status ${c.connected ? 'online' : ''}`}><span class="dot" aria-hidden="true" /></span> <code>{c.id}</code></th>
      <td>{c.user ?? <span class="dim">nobody</span>}</td>
      <td class="nowrap">{c.connected ? c.address : <span class="dim">away</span>}</td>
      <td>{c.version}</td>
      <td class="dim nowrap">{heard === undefined ? '' : ago(now.value - heard)}</td>
      <td class="small subscriptions">{c.subscriptions.map((s) => <code key={s}>{s}</code>)}{c.more_subscriptions !== undefined && <span class="dim">and {c.more_subscriptions} more</span>}</td>
      <td class="num">{count(c.queued + c.in_flight)}</td>
    </tr>
  );
}
