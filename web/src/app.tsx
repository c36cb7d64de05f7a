import { useEffect } from 'preact/hooks';
import { devices, gateways } from './model';
import { route, to } from './route';
import { chosen, signedInAs, signIn, site } from './site';
import { linkState, refused } from './link';
import { Login, Where } from './login';
import { now } from './now';
import { Boundary } from './parts/boundary';
import { Icon, type IconName } from './parts/icon';
import { Broker } from './views/broker';
import { Buses } from './views/buses';
import { Config } from './views/config';
import { DeviceView } from './views/device';
import { Devices } from './views/devices';
import { Fleet } from './views/fleet';
import { Log } from './views/log';
import { Upstreams } from './views/upstreams';
import { span } from './words';

const views: { name: string; title: string; icon: IconName; draw: () => preact.JSX.Element }[] = [
  { name: 'devices', title: 'Devices', icon: 'devices', draw: Devices },
  { name: 'fleet', title: 'Fleet', icon: 'fleet', draw: Fleet },
  { name: 'buses', title: 'Buses', icon: 'bus', draw: Buses },
  { name: 'broker', title: 'Broker', icon: 'broker', draw: Broker },
  { name: 'upstreams', title: 'Upstreams', icon: 'cloud', draw: Upstreams },
  { name: 'log', title: 'Log', icon: 'log', draw: Log },
  { name: 'config', title: 'Config', icon: 'config', draw: Config },
];

export function App() {
  const { view, of } = route.value;
  useEffect(() => {
    document.title = `${of || views.find((v) => v.name === view)?.title || 'Devices'} · ${site.value!.settings.title || 'fieldmq'}`;
  }, [view, of]);
  if (linkState.value.kind === 'login') return <Login reason={linkState.value.reason} />;
  const View = views.find((v) => v.name === view)?.draw ?? (view === 'device' ? DeviceView : Devices);
  return (
    <>
      <a class="skip" href="#main" onClick={(e) => (e.preventDefault(), document.getElementById('main')?.focus())}>Skip to the content</a>
      <header class="top">
        <a class="brand" href={to('devices')}><Icon name="logo" /><span>{site.value!.settings.title || 'fieldmq'}</span></a>
        <Chooser />
        <Connection />
      </header>
      <nav class="side" aria-label="Views">
        {views.map((v) => (
          <a key={v.name} href={to(v.name)} aria-current={v.name === view || (view === 'device' && v.name === 'devices') ? 'page' : undefined}>
            <Icon name={v.icon} /><span>{v.title}</span>
          </a>
        ))}
      </nav>
      <main id="main" tabIndex={-1}>
        <Notice />
        <Boundary key={`${view} ${of}`}><View /></Boundary>
      </main>
    </>
  );
}

/** Chooses among gateways, where there are several. */
function Chooser() {
  const all = gateways();
  if (all.length < 2) return all[0] === undefined || all[0].title === site.value!.settings.title ? null : <span class="where">{all[0].title}</span>;
  return (
    <label class="where">
      <span class="hidden">Gateway</span>
      <select value={chosen.value} onChange={(e) => (chosen.value = e.currentTarget.value)}>
        <option value="">All gateways</option>
        {all.map((g) => <option key={g.key} value={g.key}>{g.key === g.title ? g.title : `${g.title} (${g.key})`}</option>)}
      </select>
    </label>
  );
}

function Connection() {
  const state = linkState.value;
  const who = signedInAs();
  const text = state.kind === 'online' ? 'live' : state.kind === 'connecting' ? 'connecting' : 'no connection';
  return (
    <div class="who">
      <span class={`lamp ${state.kind}`} role="status">{text}</span>
      {who === undefined
        ? <button class="quiet" onClick={() => (linkState.value = { kind: 'login', reason: '' })}>Sign in</button>
        : <button class="quiet" title={`signed in as ${who}`} onClick={() => signIn(undefined)}>Sign out</button>}
    </div>
  );
}

/** What stands in the way of seeing everything. */
function Notice() {
  const state = linkState.value;
  if (state.kind === 'away') {
    const blank = devices.value.size === 0;
    return (
      <>
        <p class="notice bad" role="alert">No connection for {span(now.value - state.since)}: {state.reason}. {blank ? 'The page goes on trying.' : 'What you see is old; the page goes on trying.'}</p>
        {blank && <Where />}
      </>
    );
  }
  if (state.kind === 'nowhere') {
    return <><p class="notice bad" role="alert">No connection: {state.reason}.</p><Where open /></>;
  }
  if (refused.value.length > 0) {
    return <p class="notice">Your user may not see everything. The broker refused {refused.value.map((f, i) => <>{i > 0 && ', '}<code>{f}</code></>)}.</p>;
  }
  return null;
}
