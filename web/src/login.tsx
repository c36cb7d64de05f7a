import { useState } from 'preact/hooks';
import { linkState } from './link';
import { Icon } from './parts/icon';
import { changeSettings, signIn, site } from './site';
import { sentence } from './words';

/** Asks who you are, with the broker's own users. */
export function Login({ reason }: { reason: string }) {
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const submit = (e: Event) => {
    e.preventDefault();
    signIn({ username, password });
  };
  return (
    <main class="login" id="main">
      <form class="card" onSubmit={submit}>
        <h1><Icon name="logo" />{site.value!.settings.title || 'fieldmq'}</h1>
        <p class={reason.includes('wrong') || reason.includes('many') ? 'bad-text' : 'dim'} role="alert">{sentence(reason || 'sign in with a user of the broker')}.</p>
        <label>User<input name="username" autocomplete="username" autocapitalize="off" required autofocus value={username} onInput={(e) => setUsername(e.currentTarget.value)} /></label>
        <label>Password<input name="password" type="password" autocomplete="current-password" value={password} onInput={(e) => setPassword(e.currentTarget.value)} /></label>
        <button class="primary">Sign in</button>
        <button type="button" class="quiet" onClick={() => { linkState.value = { kind: 'connecting' }; signIn(undefined); }}>Go on without a user</button>
        <p class="dim small">Users are made with <code>fieldmq passwd</code>. What you type stays in this tab.</p>
      </form>
      <Where />
    </main>
  );
}

/** Where the page connects to, for those who serve it from elsewhere. */
export function Where({ open = false }: { open?: boolean }) {
  const now = site.value!.settings;
  const [s, set] = useState(now);
  return (
    <details class="card where-form" open={open}>
      <summary>Broker: {now.broker}</summary>
      <form onSubmit={(e) => { e.preventDefault(); changeSettings(s); }}>
        <label>WebSocket address<input required value={s.broker} onInput={(e) => set({ ...s, broker: e.currentTarget.value })} /></label>
        <label>Before <code>device/</code><input placeholder="none; site-a/; +/" value={s.prefix} onInput={(e) => set({ ...s, prefix: e.currentTarget.value })} /></label>
        <button>Use these</button>
      </form>
    </details>
  );
}
