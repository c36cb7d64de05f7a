import { useState } from 'preact/hooks';
import { Icon } from './icon';

/** A text with a button that copies it. */
export function Copy({ text }: { text: string }) {
  const [done, setDone] = useState(false);
  const copy = () =>
    put(text).then(() => {
      setDone(true);
      setTimeout(() => setDone(false), 1500);
    });
  return (
    <span class="copy">
      <code>{text}</code>
      <button class="quiet icon-only" onClick={copy} aria-label={done ? 'copied' : `copy ${text}`}><Icon name={done ? 'check' : 'copy'} /></button>
    </span>
  );
}

/** Copies; by the old way where the page is not served securely. */
async function put(text: string): Promise<void> {
  if (navigator.clipboard !== undefined) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}
