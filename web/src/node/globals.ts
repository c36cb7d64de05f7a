// What MQTT.js and its streams take for granted, for they began in Node.

import { Buffer } from 'buffer';

export { Buffer };

export const process = {
  browser: true,
  env: {},
  version: '',
  nextTick: (f: (...args: unknown[]) => void, ...args: unknown[]) => queueMicrotask(() => f(...args)),
};
