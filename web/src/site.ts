// The one connection of the page, and what it is about.

import { signal } from '@preact/signals';
import { Link } from './link';
import { devices, gateways, type Device } from './model';
import { forgetReports } from './reports';
import { Census } from './census';
import { keepCredentials, keepSettings, prefixes, readCredentials, readSettings, type Credentials, type Settings } from './settings';
import { filters, Intake } from './topics';

export interface Site {
  settings: Settings;
  link: Link;
}

/** Set once, before anything is drawn. */
export const site = signal<Site | undefined>(undefined);

/** The gateway whose works are shown; the first unless another was chosen. */
export const chosen = signal('');

export function gateway(): Device | undefined {
  const all = gateways();
  return all.find((g) => g.key === chosen.value) ?? all[0];
}

export async function openSite(): Promise<void> {
  const settings = await readSettings();
  const levels = prefixes(settings);
  const census = new Census();
  const link = new Link(settings.broker, new Intake(levels, census).take, census);
  link.hold(...filters(levels));
  site.value = { settings, link };
  link.open(readCredentials(settings.broker));
}

export function theLink(): Link {
  return site.value!.link;
}

/** Signs in, and remembers it for this tab. What another saw is forgotten. */
export function signIn(c: Credentials | undefined): void {
  const { settings, link } = site.value!;
  devices.value = new Map();
  forgetReports();
  keepCredentials(settings.broker, c);
  link.open(c);
}

export function signedInAs(): string | undefined {
  return readCredentials(site.value!.settings.broker)?.username;
}

/** Takes other settings: everything begins anew. */
export function changeSettings(s: Settings): void {
  keepSettings(s);
  history.replaceState(null, '', location.pathname + location.hash);
  location.reload();
}
