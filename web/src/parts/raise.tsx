import { useEffect, useState } from 'preact/hooks';
import { linkState } from '../link';
import type { Device } from '../model';
import { reportsOf } from '../reports';
import { barred } from '../rights';
import { theLink } from '../site';
import { at } from '../words';

export interface Raised {
  for: string;
  level: string;
  until: number;
}

const control = '$CONTROL/log';

/** Has more logged of a part, for a while. It is the broker's own topic, so that it is
    there only where the page speaks to the gateway itself. */
export function Raise({ gateway: gw, raised, changed }: { gateway: Device; raised: readonly Raised[]; changed: (r: readonly Raised[]) => void }) {
  const [part, setPart] = useState('');
  const [time, setTime] = useState('10m');
  const [trouble, setTrouble] = useState('');
  const parts = partsOf(gw);
  const why = gw.prefix === '' ? barred(control) : 'that can be done at the gateway itself';
  const online = linkState.value.kind === 'online';
  const ask = async (request: object | undefined) => {
    try {
      const answer = JSON.parse(await theLink().ask(control, request === undefined ? '' : JSON.stringify(request), gw.topic('reply'))) as { ok: boolean; error?: string; raised: Raised[] };
      setTrouble(answer.ok ? '' : (answer.error ?? 'the gateway declined'));
      changed(answer.raised);
    } catch (e) {
      setTrouble((e as Error).message);
    }
  };
  useEffect(() => {
    if (online && why === '') void ask(undefined);
  }, [gw, online, why]);
  const submit = (e: Event) => {
    e.preventDefault();
    void ask({ for: part || parts[0][0], level: 'debug', time });
  };
  return (
    <details class="raise" open={raised.length > 0}>
      <summary>Log more of a part for a while</summary>
      <form class="filters" onSubmit={submit}>
        <label>Log more of<select value={part || parts[0][0]} disabled={why !== ''} onChange={(e) => setPart(e.currentTarget.value)}>{parts.map(([value, text]) => <option key={value} value={value}>{text}</option>)}</select></label>
        <label>for<select value={time} disabled={why !== ''} onChange={(e) => setTime(e.currentTarget.value)}><option value="1m">1 minute</option><option value="10m">10 minutes</option><option value="1h">1 hour</option></select></label>
        <button disabled={why !== ''}>Debug</button>
        {why !== '' && <span class="dim small">{why}</span>}
        {trouble !== '' && <span class="bad-text small">{trouble}</span>}
        {raised.map((r) => (
          <span key={r.for} class="raised small"><code>{r.for}</code> {r.level} until {at(gw.ours(r.until))} <button type="button" class="quiet" aria-label={`end debugging ${r.for}`} onClick={() => void ask({ for: r.for, level: '' })}>end</button></span>
        ))}
      </form>
    </details>
  );
}

/** What can be debugged: the parts that the gateway tells of. */
function partsOf(gw: Device): [value: string, text: string][] {
  const r = reportsOf(gw.key);
  return [
    ...[...r.buses.value.keys()].sort().map((b): [string, string] => [`bus=${b}`, `bus ${b}: every exchange`]),
    ...[...r.upstreams.value.keys()].sort().map((u): [string, string] => [`upstream=${u}`, `upstream ${u}`]),
    ['part=broker', 'the broker: every packet'],
  ];
}
