// Where the broker is, whose topics are shown, and who we are there. Served by
// a gateway the page needs none of it; served from anywhere else, a file
// settings.json beside it, the address (?broker=...&prefix=...) or the form says.

export interface Settings {
  /** URL of the broker's WebSocket listener. */
  broker: string;
  /** What stands before "device/": "", "site-a/", "+/"; several by commas. */
  prefix: string;
  /** What people call the site. */
  title: string;
}

export interface Credentials {
  username: string;
  password: string;
}

const formKey = 'fieldmq.settings';

/** Reads the settings; each source overrides those before it. */
export async function readSettings(): Promise<Settings> {
  const beside = await fetchSettings();
  const query = new URLSearchParams(location.search);
  const typed = (recalled(() => localStorage, formKey) ?? {}) as Partial<Settings>;
  const pick = (key: keyof Settings) => query.get(key) ?? typed[key] ?? beside[key] ?? '';
  return { broker: absolute(pick('broker') || 'mqtt'), prefix: pick('prefix'), title: pick('title') };
}

async function fetchSettings(): Promise<Partial<Settings>> {
  try {
    const answer = await fetch('settings.json', { cache: 'no-store' });
    return answer.ok ? ((await answer.json()) as Partial<Settings>) : {};
  } catch {
    return {}; // a static server without the file, or a broken one
  }
}

/** A path such as /mqtt is one of the server that served the page. What is no
    address stays as it was typed, for the person to see. */
function absolute(broker: string): string {
  const url = parsed(broker, location.href);
  if (url === undefined) return broker;
  url.protocol = url.protocol.replace(/^http/, 'ws');
  url.search = '';
  url.hash = '';
  return url.href;
}

export function parsed(url: string, base?: string): URL | undefined {
  try {
    return new URL(url, base);
  } catch {
    return undefined;
  }
}

/** Keeps what was typed into the form, in this browser. */
export function keepSettings(s: Settings): void {
  keep(() => localStorage, formKey, s);
}

/** The prefixes as lists of levels: "" is none, "+/" is one that takes any. */
export function prefixes(s: Settings): string[][] {
  return s.prefix.split(',').map((p) => p.trim().split('/').filter((level) => level !== ''));
}

// Credentials live as long as the tab, and only for the broker they were typed for.
const credentialsKey = (broker: string) => `fieldmq.login ${broker}`;

export function readCredentials(broker: string): Credentials | undefined {
  return recalled(() => sessionStorage, credentialsKey(broker)) as Credentials | undefined;
}

export function keepCredentials(broker: string, c: Credentials | undefined): void {
  keep(() => sessionStorage, credentialsKey(broker), c);
}

// A browser may keep nothing for a page, or be told not to; then it lasts until the
// page is left.
const unkept = new Map<string, unknown>();

function recalled(storage: () => Storage, key: string): unknown {
  try {
    return JSON.parse(storage().getItem(key) ?? 'null') ?? unkept.get(key);
  } catch {
    return unkept.get(key);
  }
}

function keep(storage: () => Storage, key: string, value: unknown): void {
  unkept.set(key, value);
  try {
    if (value === undefined) storage().removeItem(key);
    else storage().setItem(key, JSON.stringify(value));
  } catch {
    // as above
  }
}
