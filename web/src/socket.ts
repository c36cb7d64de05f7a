// MQTT.js wants a stream; this is one over the browser's own WebSocket. The one
// that MQTT.js would bring serves Node, proxies and mini programs as well, and
// is a third of its size.

import { Duplex } from 'readable-stream';
import { parsed } from './settings';

/** Why no browser opens that address; empty: it can try. */
export function unusable(url: string): string {
  const { protocol, hostname } = parsed(url) ?? { protocol: '', hostname: '' };
  if (protocol !== 'ws:' && protocol !== 'wss:') return `“${url}” is no address of a WebSocket listener, such as wss://broker.example.com:8084/mqtt`;
  const loopback = hostname === 'localhost' || hostname.startsWith('127.') || hostname === '[::1]';
  return location.protocol === 'https:' && protocol === 'ws:' && !loopback ? 'a page that came by https may speak only to a broker at wss://' : '';
}

export function openSocket(url: string): Duplex {
  const socket = new WebSocket(url, 'mqtt');
  socket.binaryType = 'arraybuffer';
  const opened = new Promise<void>((done) => (socket.onopen = () => done()));
  const stream = new Duplex({
    read() {},
    write(chunk: Uint8Array<ArrayBuffer>, _encoding, done) {
      void opened.then(() => {
        if (socket.readyState === WebSocket.OPEN) socket.send(chunk);
        done();
      });
    },
    final(done) {
      socket.close();
      done();
    },
    destroy(error, done) {
      socket.close();
      done(error);
    },
  });
  socket.onmessage = (m) => stream.push(new Uint8Array(m.data as ArrayBuffer));
  socket.onclose = () => stream.destroy();
  return stream;
}
