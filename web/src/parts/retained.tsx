import { useState } from 'preact/hooks';
import { barred } from '../rights';
import { theLink } from '../site';
import { bytes, plural } from '../words';
import { Icon } from './icon';

interface Kept {
  topic: string;
  text: string;
  bytes: number;
}

const most = 500; // messages shown
const quiet = 400; // ms without a message after which all have come

/** Retained messages: search and delete, as far as the broker's rules let us. */
export function Retained({ prefix }: { prefix: string }) {
  const [filter, setFilter] = useState(`${prefix}device/#`);
  const [search, setSearch] = useState('');
  const [kept, setKept] = useState<Kept[]>();
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState('');
  const find = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    setTrouble('');
    try {
      setKept(await fetchKept(filter));
    } catch (e) {
      setTrouble((e as Error).message);
    }
    setBusy(false);
  };
  const remove = async (topic: string) => {
    if (!confirm(`Delete the retained message of ${topic}? Who publishes it may bring it back.`)) return;
    try {
      await theLink().publish(topic, '', { retain: true });
      setKept((kept ?? []).filter((k) => k.topic !== topic));
    } catch (e) {
      setTrouble(`${topic}: ${(e as Error).message}`);
    }
  };
  const shown = (kept ?? []).filter((k) => `${k.topic} ${k.text}`.toLowerCase().includes(search.toLowerCase()));
  return (
    <section>
      <div class="head">
        <h2>Retained messages</h2>
        {kept !== undefined && <span class="dim small">{plural(shown.length, 'message')}{kept.length === most && ', more are not shown'}</span>}
      </div>
      <form class="filters retained-search" onSubmit={find}>
        <label class="grow">Topic filter<input required value={filter} onInput={(e) => setFilter(e.currentTarget.value)} /></label>
        <label class="grow">Text<input type="search" value={search} onInput={(e) => setSearch(e.currentTarget.value)} /></label>
        <button disabled={busy}>{busy ? 'Looking…' : 'Find'}</button>
      </form>
      {trouble !== '' && <p class="notice bad">{trouble}.</p>}
      {kept !== undefined && shown.length === 0 && <p class="dim">Nothing is retained there.</p>}
      {shown.length > 0 && (
        <div class="scroll">
          <table class="list retained">
            <thead><tr><th>Topic</th><th>Payload</th><th class="num">Size</th><th><span class="hidden">Delete</span></th></tr></thead>
            <tbody>{shown.map((k) => (
              <tr key={k.topic}>
                <th scope="row"><code>{k.topic}</code></th>
                <td><code class="payload">{k.text}</code></td>
                <td class="num dim">{bytes(k.bytes)}</td>
                <td><button class="quiet icon-only danger" aria-label={`delete ${k.topic}`} disabled={barred(k.topic) !== ''} title={barred(k.topic)} onClick={() => remove(k.topic)}><Icon name="bin" /></button></td>
              </tr>
            ))}</tbody>
          </table>
        </div>
      )}
    </section>
  );
}

/** Subscribes for a moment, to get what the broker has kept. */
function fetchKept(filter: string): Promise<Kept[]> {
  return theLink().once(filter, most, quiet, (m) => ({ topic: m.topic, text: m.text.slice(0, 300), bytes: m.bytes }));
}
