import { useState } from 'preact/hooks';
import type { Device, Point } from '../model';
import { barred } from '../rights';
import { theLink } from '../site';
import { show, unitOf, type Value } from '../words';
import { FlagsField } from './flags';

interface Outcome {
  ok: boolean;
  text: string;
}

const setTopic = (d: Device, p: Point): string => `${d.prefix}${p.topic}/set`;

/** Writes a point and says what the device answered. */
async function write(d: Device, p: Point, value: string): Promise<Outcome> {
  try {
    const reply = JSON.parse(await theLink().ask(setTopic(d, p), value, d.topic('reply'))) as { ok: boolean; value?: Value; error?: string };
    if (!reply.ok) return { ok: false, text: reply.error ?? 'the device declined' };
    return { ok: true, text: `the device took ${show(reply.value ?? value)} ${unitOf(p.unit)}`.trim() };
  } catch (e) {
    return { ok: false, text: (e as Error).message };
  }
}

/** A switch, a list or a field: whatever fits the point. */
export function Control({ device: d, point: p }: { device: Device; point: Point }) {
  const [busy, setBusy] = useState(false);
  const [outcome, setOutcome] = useState<Outcome>();
  const value = d.state.value?.values[p.name];
  const why = barred(setTopic(d, p));
  const send = async (text: string) => {
    setBusy(true);
    setOutcome(undefined);
    setOutcome(await write(d, p, text));
    setBusy(false);
  };
  const parts = { point: p, value, off: busy || why !== '', send };
  return (
    <div class="control">
      {p.type === 'bool' ? <Switch {...parts} />
        : p.enum !== undefined ? <Choice {...parts} />
          : p.flags !== undefined ? <FlagsField name={p.name} flags={p.flags} {...parts} value={value ?? (p.write_only ? 'none' : undefined)} /> : <Field {...parts} />}
      <output class={outcome === undefined ? 'small dim' : outcome.ok ? 'small good-text' : 'small bad-text'}>
        {busy ? 'writing…' : outcome?.text ?? why}
      </output>
    </div>
  );
}

interface Parts {
  point: Point;
  value: Value | undefined;
  off: boolean; // it cannot be used now
  send: (text: string) => void;
}

function Switch({ point: p, value, off, send }: Parts) {
  if (p.write_only) {
    // What is never read has no state to turn over.
    return (
      <span class="field" role="group" aria-label={p.name}>
        <button disabled={off} onClick={() => send('true')}>On</button>
        <button disabled={off} onClick={() => send('false')}>Off</button>
      </span>
    );
  }
  return (
    <button class="switch" role="switch" aria-checked={value === true} aria-label={p.name} disabled={off || value === undefined} onClick={() => send(value === true ? 'false' : 'true')}>
      <span />
    </button>
  );
}

function Choice({ point: p, value, off, send }: Parts) {
  return (
    <select aria-label={`new value of ${p.name}`} disabled={off} value={String(value ?? '')} onChange={(e) => send(e.currentTarget.value)}>
      {value === undefined && <option value="" disabled>–</option>}
      {p.enum!.map((word) => <option key={word} value={word}>{word}</option>)}
    </select>
  );
}

function Field({ point: p, value, off, send }: Parts) {
  const [text, setText] = useState<string>();
  const numeric = p.type !== 'text';
  const submit = (e: Event) => {
    e.preventDefault();
    if (text !== undefined) send(numeric ? pointed(text) : text);
    setText(undefined);
  };
  return (
    <form class="field" onSubmit={submit}>
      <input
        aria-label={`new value of ${p.name}`}
        inputMode={numeric ? 'decimal' : 'text'}
        value={text ?? String(value ?? '')}
        onInput={(e) => setText(e.currentTarget.value)}
        disabled={off}
      />
      <button disabled={off || text === undefined}>Write</button>
      <span class="dim small">{bounds(p)}</span>
    </form>
  );
}

/** Many write "62,5", and the keys of their phones have no other sign for it. */
const pointed = (text: string): string => (/^\s*[+-]?\d+,\d+\s*$/.test(text) ? text.replace(',', '.') : text);

/** "30 to 85 °C" */
function bounds(p: Point): string {
  const unit = unitOf(p.unit);
  if (p.min !== undefined && p.max !== undefined) return `${p.min} to ${p.max} ${unit}`;
  if (p.min !== undefined) return `from ${p.min} ${unit}`;
  return p.max !== undefined ? `up to ${p.max} ${unit}` : unit;
}
