// Questions to a gateway: device/<gateway>/<what>/get, answered by a JSON object.

import { useEffect, useState } from 'preact/hooks';
import { linkState } from './link';
import type { Device } from './model';
import { theLink } from './site';

export interface Answer<T> {
  found?: T;
  error?: string;
  busy: boolean;
  again: () => void;
}

export async function ask<T>(gw: Device, what: string, terms: object = {}): Promise<T> {
  const text = await theLink().ask(gw.topic(`${what}/get`), JSON.stringify(terms), gw.topic('reply'));
  const answer = JSON.parse(text) as T & { ok: boolean; error?: string };
  if (!answer.ok) throw new Error(answer.error ?? 'the gateway declined');
  return answer;
}

/** The answer to a question, asked when the terms change, and again when asked to. */
export function useAnswer<T>(gw: Device, what: string, terms: object = {}): Answer<T> {
  const [state, setState] = useState<{ found?: T; error?: string; busy: boolean }>({ busy: true });
  const [turn, setTurn] = useState(0);
  const online = linkState.value.kind === 'online';
  useEffect(() => {
    if (!online) return;
    let left = false;
    setState((s) => ({ ...s, busy: true }));
    ask<T>(gw, what, terms).then(
      (found) => left || setState({ found, busy: false }),
      (e: Error) => left || setState({ error: e.message, busy: false }),
    );
    return () => {
      left = true;
    };
  }, [gw, what, JSON.stringify(terms), turn, online]);
  return { ...state, again: () => setTurn(turn + 1) };
}
