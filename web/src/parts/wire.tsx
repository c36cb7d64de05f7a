import { useState } from 'preact/hooks';
import { gatewayOf, type Device } from '../model';
import { barred } from '../rights';
import { theLink } from '../site';
import { at } from '../words';

interface Raw {
  ok: boolean;
  error?: string;
  ts: number;
  took_ms: number;
  points: { name: string; at: string; raw?: string; value?: string; error?: string }[];
  exchanges?: { request: string; answer?: string; error?: string }[];
}

/** What stands in the registers, and what goes over the line for it. */
export function Wire({ device: d }: { device: Device }) {
  const [raw, setRaw] = useState<Raw>();
  const [busy, setBusy] = useState(false);
  const gw = gatewayOf(d);
  if (gw === undefined || !d.info.value!.driver.startsWith('modbus')) return null;
  const why = barred(gw.topic('raw/get'));
  const read = async () => {
    setBusy(true);
    try {
      setRaw(JSON.parse(await theLink().ask(gw.topic('raw/get'), JSON.stringify({ device: d.id }), gw.topic('reply'), 12_000)) as Raw);
    } catch (e) {
      setRaw({ ok: false, error: (e as Error).message } as Raw);
    }
    setBusy(false);
  };
  return (
    <section class="wire">
      <div class="head">
        <h2>On the wire</h2>
        <button onClick={read} disabled={busy || why !== ''}>{busy ? 'Reading…' : 'Read registers now'}</button>
        {why !== '' && <span class="dim small">{why}</span>}
        {raw?.ok && <span class="dim small">read at {at(gw.ours(raw.ts))} in {raw.took_ms.toFixed(1)} ms</span>}
      </div>
      {raw === undefined && <p class="dim">Shows the words in the registers, and every request and answer as bytes.</p>}
      {raw !== undefined && !raw.ok && <p class="bad-text">{raw.error}</p>}
      {raw?.ok && <Registers raw={raw} />}
    </section>
  );
}

function Registers({ raw }: { raw: Raw }) {
  return (
    <>
      <div class="scroll">
        <table class="list">
          <thead><tr><th>Point</th><th>Place</th><th>Registers</th><th class="num">Value before scaling</th></tr></thead>
          <tbody>{raw.points.map((p) => (
            <tr key={p.name}>
              <th scope="row">{p.name}</th>
              <td class="dim nowrap">{p.at}</td>
              <td><code>{words(p.raw)}</code></td>
              <td class="num">{p.error === undefined ? p.value : <span class="bad-text">{p.error}</span>}</td>
            </tr>
          ))}</tbody>
        </table>
      </div>
      {raw.exchanges !== undefined && (
        <div class="scroll">
          <table class="list">
            <thead><tr><th>Request</th><th>Answer</th></tr></thead>
            <tbody>{raw.exchanges.map((x, i) => (
              <tr key={i}>
                <td><code>{bytePairs(x.request)}</code></td>
                <td>{x.error === undefined ? <code>{bytePairs(x.answer)}</code> : <span class="bad-text">{x.error}</span>}</td>
              </tr>
            ))}</tbody>
          </table>
        </div>
      )}
    </>
  );
}

/** "4366 199a": one group a register. */
const words = (hex = '') => (hex.match(/.{1,4}/g) ?? ['–']).join(' ');

/** "01 04 00 00": one group a byte. */
const bytePairs = (hex = '') => (hex.match(/../g) ?? ['–']).join(' ');
