import { useState } from 'preact/hooks';
import type { Value } from '../words';

/** The words of a value of flags: "hot,fan" has two, "none" has none. */
export const flagsOf = (v: Value | undefined): string[] => (v === undefined || v === 'none' ? [] : String(v).split(','));

/** The flags that are set. */
export function Flags({ value }: { value: Value | undefined }) {
  const set = flagsOf(value);
  if (set.length === 0) return <span class="dim">{value === undefined ? '–' : 'none'}</span>;
  return <span class="flags">{set.map((word) => <span key={word} class="flag">{word}</span>)}</span>;
}

/** Sets flags: all of them at once, for that is what a command does. Bits that
    have no word stay as they are unless they are taken back. */
export function FlagsField({ name, flags, value, off, send }: { name: string; flags: string[]; value: Value | undefined; off: boolean; send: (text: string) => void }) {
  const [edited, setEdited] = useState<readonly string[]>();
  const now = flagsOf(value);
  const set = edited ?? now;
  const words = [...flags, ...now.filter((word) => !flags.includes(word))];
  const flip = (word: string) => setEdited(words.filter((w) => set.includes(w) !== (w === word)));
  const write = () => {
    send(set.length === 0 ? 'none' : set.join(','));
    setEdited(undefined);
  };
  return (
    <div class="field" role="group" aria-label={`new value of ${name}`}>
      <span class="flags">{words.map((word) => (
        <button key={word} class="chip" aria-pressed={set.includes(word)} disabled={off || value === undefined} onClick={() => flip(word)}>{word}</button>
      ))}</span>
      <button disabled={off || edited === undefined} onClick={write}>Write</button>
    </div>
  );
}
