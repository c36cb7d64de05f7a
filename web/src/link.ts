// The connection to the broker: MQTT 5 over WebSocket, and nothing else.

import { signal } from '@preact/signals';
import type { IClientPublishOptions, IConnackPacket, IPublishPacket } from 'mqtt';
import MqttClient from 'mqtt/lib/client';
import { question, readRights, rights, within } from './rights';
import type { Credentials } from './settings';
import { openSocket, unusable } from './socket';

export type LinkState =
  | { kind: 'connecting' }
  | { kind: 'online' }
  | { kind: 'away'; since: number; reason: string }
  | { kind: 'nowhere'; reason: string } // the address cannot be one
  | { kind: 'login'; reason: string };

/** What the page shows at the top, and when it asks who you are. */
export const linkState = signal<LinkState>({ kind: 'connecting' });

/** Filters that the broker's rules did not let us have. */
export const refused = signal<readonly string[]>([]);

export interface Message {
  topic: string;
  text: string;
  /** It was kept by the broker from before we subscribed. */
  kept: boolean;
  /** When it is not true any more unless it is said again; undefined: that is not known. */
  until?: number;
  bytes: number;
}

/** Reason codes of MQTT 5 that people meet. */
const reasons: Record<number, string> = {
  0x81: 'the broker could not read what the page sent',
  0x86: 'the user name or the password is wrong',
  0x87: 'you need to sign in',
  0x88: 'the broker is not available',
  0x89: 'the broker is busy; try again in a moment',
  0x97: 'a limit of the broker is reached',
  0x9f: 'too many attempts; wait a moment and try again',
};

const clientID = `page-${crypto.getRandomValues(new Uint32Array(2)).join('-')}`;
const patience = 10_000;
const settled = 3000; // ms without a retained message after which all have come

/** Whether a SUBACK refuses what was asked for, one filter at a time. */
const denied = (answer: { granted?: unknown } | undefined) => ((answer?.granted ?? []) as unknown[]).some((code) => Number(code) >= 0x80);

type Waiting = { take: (m: IPublishPacket) => void; fail: (e: Error) => void };

export class Link {
  private client: MqttClient | undefined;
  private readonly filters = new Map<string, number>();
  private readonly waiting = new Map<string, Waiting>();
  private readonly taps = new Set<(m: Message) => void>();
  private mine: readonly string[] | undefined; // filters that we may have
  private replyTopics = new Set<string>();
  private asked = 0;
  private settling: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly url: string,
    private readonly take: (m: Message) => void,
    /** A connection was made; what is retained comes now, and then has come. */
    private readonly told: { begins: () => void; complete: () => void },
  ) {}

  /** Connects, and again after each loss, until the broker says who may not. */
  open(who: Credentials | undefined): void {
    this.close();
    const why = unusable(this.url);
    if (why !== '') {
      linkState.value = { kind: 'nowhere', reason: why };
      return;
    }
    linkState.value = { kind: 'connecting' };
    const client = new MqttClient(() => openSocket(this.url), {
      protocolVersion: 5,
      clientId: clientID,
      clean: true,
      keepalive: 60,
      timerVariant: 'native',
      reconnectPeriod: 1500,
      connectTimeout: patience,
      resubscribe: false,
      queueQoSZero: false,
      reconnectOnConnackError: true,
      username: who?.username,
      password: who?.password,
      properties: { userProperties: question },
    });
    this.client = client;
    client.on('connect', (answer) => this.connected(client, answer));
    client.on('message', (topic, payload, packet) => this.receive(topic, payload, packet));
    client.on('close', () => this.lost(client, 'the broker does not answer'));
    client.on('error', (e) => this.failed(client, e as Error & { code?: number }));
  }

  close(): void {
    const client = this.client;
    this.client = undefined;
    client?.end(true);
    this.replyTopics.clear();
    clearTimeout(this.settling);
  }

  private connected(client: MqttClient, answer: IConnackPacket): void {
    if (client !== this.client) return;
    const told = answer.properties?.userProperties as Record<string, string | string[]> | undefined;
    rights.value = readRights(told, 'publish');
    this.mine = readRights(told, 'subscribe');
    this.replyTopics.clear();
    refused.value = [];
    linkState.value = { kind: 'online' };
    this.told.begins();
    this.send([...this.filters.keys()]);
    this.settle();
  }

  private settle(): void {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => {
      this.settling = undefined;
      this.told.complete();
    }, settled);
  }

  private lost(client: MqttClient, reason: string): void {
    if (client !== this.client) return;
    clearTimeout(this.settling);
    for (const w of this.waiting.values()) w.fail(new Error('the connection was lost before the answer came'));
    this.waiting.clear();
    const now = linkState.value;
    if (now.kind === 'login' || now.kind === 'away') return;
    linkState.value = { kind: 'away', since: Date.now(), reason };
  }

  private failed(client: MqttClient, e: Error & { code?: number }): void {
    if (client !== this.client) return;
    if (e.code === 0x86 || e.code === 0x87 || e.code === 0x9f) {
      linkState.value = { kind: 'login', reason: reasons[e.code] };
      this.close();
    } else {
      this.lost(client, reasons[e.code ?? 0] ?? 'the broker does not answer');
    }
  }

  private receive(topic: string, payload: Uint8Array, packet: IPublishPacket): void {
    const correlation = packet.properties?.correlationData;
    if (correlation !== undefined) {
      const id = new TextDecoder().decode(correlation);
      const w = this.waiting.get(id);
      if (w !== undefined) {
        this.waiting.delete(id);
        w.take(packet);
        return;
      }
    }
    const expiry = packet.properties?.messageExpiryInterval;
    const m = {
      topic, text: new TextDecoder().decode(payload), kept: packet.retain, bytes: payload.length,
      until: expiry === undefined ? undefined : Date.now() + expiry * 1000,
    };
    if (m.kept && this.settling !== undefined) this.settle();
    for (const tap of this.taps) tap(m);
    this.take(m);
  }

  /** Subscribes until release is called as often. Refusals stand in `refused`. */
  hold(...filters: string[]): () => void {
    const fresh = filters.filter((f) => !this.filters.has(f));
    for (const f of filters) this.filters.set(f, (this.filters.get(f) ?? 0) + 1);
    this.send(fresh);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      for (const f of filters) this.release(f);
    };
  }

  private release(filter: string): void {
    const left = (this.filters.get(filter) ?? 1) - 1;
    if (left > 0) {
      this.filters.set(filter, left);
      return;
    }
    this.filters.delete(filter);
    if (!this.client?.connected) return;
    const others = new Set([...this.filters.keys()].flatMap((f) => within(f, this.mine)));
    for (const f of within(filter, this.mine)) if (!others.has(f)) this.client.unsubscribe(f);
  }

  private send(filters: string[]): void {
    if (filters.length === 0 || !this.client?.connected) return;
    for (const filter of filters) {
      const mine = within(filter, this.mine);
      // What is not ours is asked for all the same: the broker knows best.
      for (const f of mine.length > 0 ? mine : [filter]) {
        this.client.subscribe(f, { qos: 1 }, (_, __, answer) => {
          if (denied(answer)) refused.value = [...refused.value, f];
        });
      }
    }
  }

  /** The retained messages that a filter takes, those of the first so many topics. */
  once<T>(filter: string, most: number, quiet: number, make: (m: Message) => T): Promise<T[]> {
    const client = this.client;
    if (!client?.connected) return Promise.reject(new Error('there is no connection to the broker'));
    return new Promise((done, fail) => {
      const found = new Map<string, T>();
      let timer = setTimeout(() => finish(), patience);
      const finish = (e?: Error) => {
        clearTimeout(timer);
        this.taps.delete(tap);
        if (!this.filters.has(filter)) client.unsubscribe(filter);
        if (e !== undefined) fail(e);
        else done([...found.values()]);
      };
      const again = () => {
        clearTimeout(timer);
        timer = setTimeout(() => finish(), quiet);
      };
      const tap = (m: Message) => {
        if (!m.kept || found.size >= most) return;
        found.set(m.topic, make(m));
        if (found.size >= most) finish();
        else again();
      };
      this.taps.add(tap);
      client.subscribe(filter, { qos: 0, rh: 0 }, (e, _, answer) => {
        if (denied(answer)) finish(new Error('your user may not read that'));
        else if (e != null) finish(e);
        else again();
      });
    });
  }

  /** Publishes, and returns when the broker has it. */
  publish(topic: string, text: string, options: IClientPublishOptions = {}): Promise<void> {
    const client = this.client;
    if (!client?.connected) return Promise.reject(new Error('there is no connection to the broker'));
    return new Promise((done, fail) => {
      const timer = setTimeout(() => fail(new Error('the broker did not take the message')), patience);
      client.publish(topic, text, { qos: 1, ...options }, (e) => {
        clearTimeout(timer);
        if (e == null) done();
        else fail(new Error((e as { code?: number }).code === 0x87 ? 'your user may not do this' : e.message));
      });
    });
  }

  /** Publishes a request and returns its answer, as MQTT 5 has it. */
  async ask(topic: string, text: string, replyTo: string, limit = 8000): Promise<string> {
    const id = String(++this.asked);
    const reply = `${replyTo}/${clientID}`;
    await this.listen(reply);
    const answer = new Promise<string>((done, fail) => {
      const timer = setTimeout(() => {
        this.waiting.delete(id);
        fail(new Error('no answer: the gateway is away, or this topic does not reach it'));
      }, limit);
      this.waiting.set(id, {
        take: (m) => (clearTimeout(timer), done(m.payload.toString())),
        fail: (e) => (clearTimeout(timer), fail(e)),
      });
    });
    answer.catch(() => undefined); // publish may fail first
    await this.publish(topic, text, {
      properties: {
        responseTopic: reply,
        correlationData: new TextEncoder().encode(id) as Buffer,
        messageExpiryInterval: Math.ceil(limit / 1000),
      },
    }).catch((e: Error) => {
      this.waiting.get(id)?.fail(e);
      this.waiting.delete(id);
      throw e;
    });
    return answer;
  }

  private listen(topic: string): Promise<void> {
    const client = this.client;
    if (!client?.connected) return Promise.reject(new Error('there is no connection to the broker'));
    if (this.replyTopics.has(topic)) return Promise.resolve();
    return new Promise((done, fail) => {
      client.subscribe(topic, { qos: 1 }, (e, _, answer) => {
        if (denied(answer)) return fail(new Error('your user may not read the answers'));
        if (e != null) return fail(e);
        this.replyTopics.add(topic);
        done();
      });
    });
  }
}
