import { effective, unknown, type Device, type Effective } from '../model';
import { now } from '../now';
import { at, sentence, span } from '../words';

/** Online or offline, for how long, and why. */
export function Status({ device }: { device: Device }) {
  const e = effective(device);
  return (
    <span class={`status ${word(e)}`} title={e.since === undefined ? undefined : `since ${at(device.ours(e.since))}`}>
      <span class="dot" aria-hidden="true" />{inWords(e, device)}
    </span>
  );
}

const word = (e: Effective) => (e.online ? 'online' : e.reason === unknown ? 'unknown' : 'offline');

/** "online for 3 h", "no answer for 40 s". */
export function inWords(e: Effective, d: Device): string {
  const since = e.since === undefined ? '' : ` for ${span(now.value - d.ours(e.since))}`;
  if (e.online) return `online${since}`;
  if (e.reason === 'starting') return 'starting';
  return e.reason === '' ? `offline${since}` : `${sentence(e.reason)}${since}`;
}
