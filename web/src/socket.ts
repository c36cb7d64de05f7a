// MQTT.js wants a stream; this is one over the browser's own WebSocket. The one
// that MQTT.js would bring serves Node, proxies and mini programs as well, and
// is a third of its size.

import { Duplex } from 'readable-stream';

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
