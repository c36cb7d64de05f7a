import { useEffect, useState } from 'preact/hooks';
import { ask } from '../ask';
import { isDoc, readEntry } from '../documents';
import { Empty } from '../parts/empty';
import { ForGateway } from '../parts/needs';
import { Raise, type Raised } from '../parts/raise';
import { linkState } from '../link';
import type { Device } from '../model';
import { now } from '../now';
import { addEntries, reportsOf, type LogEntry } from '../reports';
import { theLink } from '../site';
import { at, plural } from '../words';

export const Log = () => <ForGateway draw={Live} />;

const levels = { debug: 'all, with debugging', info: 'info and above', warn: 'warnings and errors', error: 'errors' };
const rank = (level: string) => Object.keys(levels).indexOf(level);

// What is debugged is not told, only asked for.
const often = 2000;

/** The log as it comes, and what there was of it. */
function Live({ gateway: gw }: { gateway: Device }) {
  const reports = reportsOf(gw.key);
  const [part, setPart] = useState('');
  const [level, setLevel] = useState<string>('info');
  const [text, setText] = useState('');
  const [trouble, setTrouble] = useState('');
  const [raised, setRaised] = useState<readonly Raised[]>([]);
  const active = raised.filter((r) => gw.ours(r.until) > now.value);
  const online = linkState.value.kind === 'online';
  useEffect(() => {
    const release = theLink().hold(gw.topic('log'));
    const look = (from: number) =>
      ask<{ entries: unknown[] | null }>(gw, 'log', { limit: 500, from }).then(
        (a) => (setTrouble(''), addEntries(reports, (a.entries ?? []).filter(isDoc).map(readEntry))),
        (e: Error) => setTrouble(e.message),
      );
    if (online) void look(0);
    const timer = online && active.length > 0 ? setInterval(() => void look(reports.log.value.at(-1)?.ts ?? 0), often) : undefined;
    return () => (clearInterval(timer), release());
  }, [gw, online, active.length > 0]);
  const changed = (all: readonly Raised[]) => {
    if (all.length > active.length) setLevel('debug');
    setRaised(all);
  };
  const all = reports.log.value;
  const parts = [...new Set(all.map((e) => e.part))].sort();
  const shown = all.filter((e) => rank(e.level) >= rank(level) && (part === '' || e.part === part) && matches(e, text)).reverse();
  return (
    <>
      <div class="head">
        <h1>Log</h1>
        <p class="dim">{plural(shown.length, 'entry', 'entries')}, the newest first</p>
      </div>
      <div class="filters" role="search">
        <label>Part<select value={part} onChange={(e) => setPart(e.currentTarget.value)}><option value="">all</option>{parts.map((p) => <option key={p}>{p}</option>)}</select></label>
        <label>Level<select value={level} onChange={(e) => setLevel(e.currentTarget.value)}>{Object.entries(levels).map(([l, words]) => <option key={l} value={l}>{words}</option>)}</select></label>
        <label class="grow">Text<input type="search" value={text} onInput={(e) => setText(e.currentTarget.value)} /></label>
      </div>
      <Raise gateway={gw} raised={active} changed={changed} />
      {trouble !== '' && <p class="notice">Only what comes from now on: {trouble}.</p>}
      {shown.length === 0
        ? <Empty inside title={all.length === 0 ? 'Nothing was logged yet' : 'Nothing fits'}><p>The log tells of changes: a device that goes silent, a link that is back.</p></Empty>
        : <ol class="log card">{shown.map((e) => <Line key={`${e.ts} ${e.part} ${e.text} ${JSON.stringify(e.details)}`} entry={e} time={gw.ours(e.ts)} />)}</ol>}
    </>
  );
}

function Line({ entry: e, time }: { entry: LogEntry; time: number }) {
  return (
    <li class={`entry ${e.level}`}>
      <time class="dim">{at(time)}</time>
      <span class="level">{e.level}</span>
      <span class="dim part">{e.part}</span>
      <span>{e.text}{Object.entries(e.details ?? {}).map(([k, v]) => <span key={k} class="detail">{' '}<span class="dim">{k}</span> {v}</span>)}</span>
    </li>
  );
}

function matches(e: LogEntry, text: string): boolean {
  return text === '' || `${e.part} ${e.text} ${Object.entries(e.details ?? {}).flat().join(' ')}`.toLowerCase().includes(text.toLowerCase());
}
