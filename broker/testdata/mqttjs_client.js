// Puts a broker through its paces with MQTT.js over WebSocket.
//
// Usage: node mqttjs_client.js URL 3.1.1|5.0. Prints "done" when all went well.
'use strict'

const assert = require('assert')
const mqtt = require('mqtt')

const [url, version] = process.argv.slice(2)
const protocolVersion = version === '5.0' ? 5 : 4

// client connects, and resolves to what it does, each as a promise.
function client (clientId, { keep = false, will } = {}) {
  const options = { clientId, protocolVersion, clean: !keep, will, reconnectPeriod: 50, connectTimeout: 10000 }
  if (keep && protocolVersion === 5) options.properties = { sessionExpiryInterval: 1000 }
  const js = mqtt.connect(url, options)
  const waiting = []
  const came = []
  js.on('message', (topic, payload, packet) => {
    const m = { topic, payload: payload.toString(), qos: packet.qos, retain: packet.retain }
    const next = waiting.shift()
    if (next) next(m); else came.push(m)
  })
  const it = {
    js,
    subscribe: (topic, qos) => new Promise((resolve, reject) => js.subscribe(topic, { qos }, (e) => e ? reject(e) : resolve())),
    publish: (topic, payload, qos, retain = false) =>
      new Promise((resolve, reject) => js.publish(topic, payload, { qos, retain }, (e) => e ? reject(e) : resolve())),
    next: () => came.length ? came.shift() : new Promise((resolve) => waiting.push(resolve)),
    expect: async (topic, payload, qos, retain = false) =>
      assert.deepStrictEqual(await it.next(), { topic, payload, qos, retain }),
    leave: () => new Promise((resolve) => js.end(false, resolve)),
    connected: () => new Promise((resolve) => js.once('connect', (ack) => resolve(ack.sessionPresent)))
  }
  return new Promise((resolve, reject) => {
    js.once('error', reject)
    js.once('connect', (ack) => { it.present = ack.sessionPresent; resolve(it) })
  })
}

async function main () {
  const observer = await client('js-observer')
  await observer.subscribe('js/#', 2)
  const publisher = await client('js-publisher')
  for (const qos of [0, 1, 2]) {
    await publisher.publish('js/qos', String(qos), qos)
    await observer.expect('js/qos', String(qos), qos)
  }

  await publisher.publish('js/kept', 'kept', 1, true)
  await observer.expect('js/kept', 'kept', 1)
  const late = await client('js-late')
  await late.subscribe('js/kept', 1)
  await late.expect('js/kept', 'kept', 1, true)
  await publisher.publish('js/kept', '', 1, true)
  await observer.expect('js/kept', '', 1)
  await late.leave()

  const dies = await client('js-dies', { will: { topic: 'js/will', payload: Buffer.from('gone'), qos: 1, retain: false } })
  dies.js.options.reconnectPeriod = 0
  dies.js.stream.destroy()
  await observer.expect('js/will', 'gone', 1)
  dies.js.end(true)

  const kept = await client('js-session', { keep: true })
  assert(!kept.present, 'a session is present')
  await kept.subscribe('js/session', 1)
  const back = kept.connected()
  kept.js.stream.destroy() // it comes back by itself
  assert(await back, 'the session is gone')
  await publisher.publish('js/session', 'again', 1)
  await observer.expect('js/session', 'again', 1)
  await kept.expect('js/session', 'again', 1)

  await kept.leave()
  await publisher.leave()
  await observer.leave()
  console.log('done')
}

setTimeout(() => { console.error('takes too long'); process.exit(2) }, 60000).unref()
main().then(() => process.exit(0), (e) => { console.error(e); process.exit(1) })
