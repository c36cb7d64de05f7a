// Where we are, in the part of the address behind the #, so that the page needs
// no server that knows its paths, and the browser's back button works.

import { computed, signal } from '@preact/signals';

const hash = signal(location.hash);
addEventListener('hashchange', () => {
  hash.value = location.hash;
  scrollTo(0, 0);
});

export interface Route {
  view: string; // devices unless another is named
  of: string; // what it is about, such as the key of a device
}

export const route = computed<Route>(() => {
  const [view, ...of] = hash.value.replace(/^#\/?/, '').split('/');
  return { view: view || 'devices', of: of.map(decoded).join('/') };
});

/** A part of an address that somebody typed may be none. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const to = (view: string, of = ''): string => `#/${view}${of === '' ? '' : `/${of.split('/').map(encodeURIComponent).join('/')}`}`;
