import type { Device } from '../model';
import { sentence } from '../words';

/** Why the device may not be what its profile says, if anything speaks against it. */
export function Doubt({ device: d, small = false }: { device: Device; small?: boolean }) {
  const doubt = d.health.value?.doubt;
  if (doubt === undefined) return null;
  return <p class={`notice warn ${small ? 'small' : ''}`} title={small ? sentence(doubt) : undefined}>{sentence(doubt)}.</p>;
}
