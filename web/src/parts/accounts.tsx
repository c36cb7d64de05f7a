import { gatewayOf, type Device } from '../model';
import { reportsOf } from '../reports';
import { to } from '../route';
import { count } from '../words';

/** What became of this device's messages, on the way to each upstream. */
export function Accounts({ device: d }: { device: Device }) {
  const gw = gatewayOf(d);
  const all = [...(gw === undefined ? [] : reportsOf(gw.key).upstreams.value)]
    .flatMap(([name, u]) => (u.accounts?.[d.id] === undefined ? [] : [{ name, ...u.accounts[d.id] }]))
    .sort((a, b) => a.name.localeCompare(b.name));
  if (all.length === 0) return null;
  return (
    <section class="accounts">
      <div class="head">
        <h2>Messages for upstreams</h2>
        <span class="dim small">produced = delivered + waiting + dropped</span>
      </div>
      <div class="scroll">
        <table class="list">
          <thead><tr><th>Upstream</th><th class="num">Produced</th><th class="num">Delivered</th><th class="num">Waiting</th><th class="num">Dropped</th><th>Because of</th></tr></thead>
          <tbody>{all.map((a) => {
            const reasons = Object.entries(a.dropped).filter(([, n]) => n > 0).sort((x, y) => y[1] - x[1]);
            const lost = reasons.reduce((sum, [, n]) => sum + n, 0);
            return (
              <tr key={a.name}>
                <th scope="row"><a href={to('upstreams')}>{a.name}</a></th>
                <td class="num">{count(a.produced)}</td>
                <td class="num">{count(a.delivered)}</td>
                <td class="num">{count(a.queued)}</td>
                <td class={lost > 0 ? 'num bad-text' : 'num'}>{count(lost)}</td>
                <td class="dim small">{reasons.map(([reason, n]) => `${reason}: ${count(n)}`).join(', ')}</td>
              </tr>
            );
          })}</tbody>
        </table>
      </div>
    </section>
  );
}
