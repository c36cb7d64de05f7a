import { useState } from 'preact/hooks';
import { useAnswer } from '../ask';
import { Bar } from '../parts/bar';
import { ForGateway } from '../parts/needs';
import { Yaml } from '../parts/yaml';
import type { Device } from '../model';
import { reportsOf, type ReloadReport } from '../reports';
import { barred } from '../rights';
import { to } from '../route';
import { theLink } from '../site';
import { at, bytes, count, plural, rate } from '../words';

export const Config = () => <ForGateway draw={File} />;

function File({ gateway: gw }: { gateway: Device }) {
  const file = useAnswer<{ file: string; text: string; loaded: number; reload: boolean }>(gw, 'config');
  const reload = reportsOf(gw.key).reload.value;
  const faults = reload !== undefined && !reload.ok ? (reload.faults ?? []) : [];
  return (
    <>
      <div class="head">
        <h1>Config</h1>
        {file.found !== undefined && <p class="dim"><code>{file.found.file}</code>, in force since {at(gw.ours(file.found.loaded))}; secrets are masked</p>}
      </div>
      {file.found?.reload && <Reload gateway={gw} last={reload} done={file.again} />}
      {file.error !== undefined && <p class="notice">The file is not shown: {file.error}.</p>}
      <Plan gateway={gw} />
      {file.found !== undefined && (
        <section>
          <h2>File</h2>
          <Yaml text={file.found.text} marked={new Set(faults.map((f) => f.line))} />
        </section>
      )}
    </>
  );
}

/** Has the gateway read its file again, and says what became of it. */
function Reload({ gateway: gw, last, done }: { gateway: Device; last: ReloadReport | undefined; done: () => void }) {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState('');
  const why = barred(gw.topic('reload'));
  const reload = async () => {
    setBusy(true);
    setTrouble('');
    try {
      await theLink().ask(gw.topic('reload'), '', gw.topic('reply'), 30_000);
      done();
    } catch (e) {
      setTrouble((e as Error).message);
    }
    setBusy(false);
  };
  return (
    <section class="reload">
      <div class="head">
        <button onClick={reload} disabled={busy || why !== ''}>{busy ? 'Reading…' : 'Read the file again'}</button>
        <span class="dim small">{why || 'puts a changed file into force; one with faults changes nothing'}</span>
      </div>
      {trouble !== '' && <p class="notice bad">{trouble}.</p>}
      {last !== undefined && <Outcome report={last} time={gw.ours(last.ts)} />}
    </section>
  );
}

function Outcome({ report: r, time }: { report: ReloadReport; time: number }) {
  if (r.ok) {
    return (
      <div class="notice">
        <p>Read again at {at(time)}: {(r.changes ?? []).length === 0 ? 'nothing had changed.' : plural(r.changes!.length, 'change')}</p>
        <ul>{(r.changes ?? []).map((c) => <li key={c}>{c}</li>)}</ul>
      </div>
    );
  }
  return (
    <div class="notice bad">
      <p>The file was read again at {at(time)} and changed nothing{r.error !== undefined ? `: ${r.error}` : `: ${plural((r.faults ?? []).length, 'fault')}`}</p>
      {r.restart && <p>Restart the gateway to put that into force, with everything else that is new in the file.</p>}
      <ul>{(r.faults ?? []).map((f) => <li key={`${f.line}:${f.column} ${f.text}`}><code>{f.file}:{f.line}:{f.column}</code> {f.path !== '' && <strong>{f.path}: </strong>}{f.text}</li>)}</ul>
    </div>
  );
}

interface Volume {
  bytes_a_day_quiet: number; // when nothing ever changes
  bytes_a_day_busy: number;
}

/** A read of Modbus. */
interface Request {
  every: string; table: string; first: number; count: number; manual: string; gap: number; ms: number; points: string[];
}

/** What a device with a protocol of its own answers, or says by itself. */
interface Message {
  request?: string; every: string; ms?: number; at_least?: boolean; most_a_second?: number; points: string[];
}

interface PlannedBus {
  name: string; driver: string; place: string; told: boolean; load: number; at_least?: boolean; advice?: string[];
  devices: { id: string; requests?: Request[]; messages?: Message[] }[];
}

interface PlanDoc {
  plan: Volume & { buses: PlannedBus[]; retained: number; upstreams?: (Volume & { name: string; told: boolean })[] };
}

function Plan({ gateway: gw }: { gateway: Device }) {
  const { found, error } = useAnswer<PlanDoc>(gw, 'plan');
  if (error !== undefined) return <p class="notice">The plan is not shown: {error}.</p>;
  if (found === undefined) return null;
  const p = found.plan;
  return (
    <section>
      <h2>Plan</h2>
      <p class="dim">{plural(p.retained, 'retained topic')}. MQTT a day, before TLS and TCP: the least when nothing changes, the most when everything does at each read.</p>
      <div class="scroll"><table class="list">
        <thead><tr><th>To</th><th class="num">Least</th><th class="num">Most</th></tr></thead>
        <tbody>
          <tr><th scope="row">a subscriber of everything</th><Bytes of={p} /></tr>
          {p.upstreams?.map((u) => (
            <tr key={u.name}><th scope="row"><a href={to('upstreams')}>{u.name}</a> <span class="dim">by its rules</span></th>{u.told ? <Bytes of={u} /> : <td class="num dim" colSpan={2}>shows when it runs</td>}</tr>
          ))}
        </tbody>
      </table></div>
      <div class="tiles wide">{p.buses.map((b) => <BusPlan key={b.name} bus={b} />)}</div>
    </section>
  );
}

const Bytes = ({ of }: { of: Volume }) => <><td class="num">{bytes(of.bytes_a_day_quiet)}</td><td class="num">{bytes(of.bytes_a_day_busy)}</td></>;

function BusPlan({ bus: b }: { bus: PlannedBus }) {
  const asked = b.devices.some((d) => d.requests !== undefined || d.messages?.some((m) => m.request !== undefined));
  return (
    <article class="card bus">
      <div class="head"><h3>{b.name}</h3><span class="dim small">{b.driver}{b.place !== '' && <> · <code>{b.place}</code></>}</span></div>
      {!b.told && <p class="dim small">How busy it will be shows when it runs.</p>}
      {b.told && !asked && <p class="dim small">Nothing is asked: its devices speak by themselves.</p>}
      {b.told && asked && <div class="load"><span class="dim small">Will be busy</span><strong>{b.at_least && 'at least '}{rate(b.load * 100)} %</strong><Bar share={b.load} label={`planned load of ${b.name}`} /></div>}
      {b.advice?.map((a) => <p key={a} class="notice bad small">{a}</p>)}
      {b.told && (
        <div class="scroll flat"><table class="list small">
          <thead><tr><th>Device</th><th>Request</th><th>Every</th><th class="num">Time</th></tr></thead>
          <tbody>{b.devices.flatMap((d) => [
            ...(d.requests ?? []).map((q, i) => (
              <tr key={`${d.id} ${i}`} title={q.points.join(', ')}>
                <th scope="row">{d.id}</th>
                <td class="nowrap">{q.table} {q.first}{q.count > 1 && `–${q.first + q.count - 1}`} <span class="dim">({q.manual}{q.gap > 0 && `, ${count(q.gap)} unused`})</span></td>
                <td>{q.every}</td>
                <td class="num">{q.ms.toFixed(1)} ms</td>
              </tr>
            )),
            ...(d.messages ?? []).map((m, i) => (
              <tr key={`${d.id} ${i}`} title={m.points.join(', ')}>
                <th scope="row">{d.id}</th>
                <td>{m.request !== undefined ? <code>{m.request}</code> : <span class="dim">speaks by itself</span>}</td>
                <td class="nowrap">{m.request !== undefined ? m.every : `at most ${count(m.most_a_second ?? 0)}/s`}</td>
                <td class="num">{m.ms !== undefined && `${m.at_least ? '≥ ' : ''}${m.ms.toFixed(1)} ms`}</td>
              </tr>
            )),
          ])}</tbody>
        </table></div>
      )}
    </article>
  );
}
