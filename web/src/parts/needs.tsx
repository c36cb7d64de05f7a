import { gateway } from '../site';
import { gateways, type Device } from '../model';
import { Empty } from './empty';

/** Draws a view of the gateway that was chosen, or says that there is none. */
export function ForGateway({ draw: Draw }: { draw: (props: { gateway: Device }) => preact.JSX.Element }) {
  const gw = gateway();
  if (gw === undefined) {
    return <Empty title="No gateway yet"><p>A gateway shows up here when it publishes <code>device/&lt;its id&gt;/info</code>, and your user may see it.</p></Empty>;
  }
  return (
    <>
      {gateways().length > 1 && <p class="dim">Of the gateway <strong>{gw.title}</strong> <code>{gw.key}</code>; choose another one above.</p>}
      <Draw key={gw.key} gateway={gw} />
    </>
  );
}
