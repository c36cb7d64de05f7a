"""Puts a broker through its paces with Debian's python3-paho-mqtt.

Usage: paho_client.py HOST PORT 3.1.1|5.0. Prints "done" when all went well.
"""

import queue
import sys

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

HOST, PORT, NEW = sys.argv[1], int(sys.argv[2]), sys.argv[3] == "5.0"
PATIENCE = 10


class Client:
    """A client whose events wait in queues."""

    def __init__(self, name, keep=False, will=None):
        self.keep = keep
        self.connected, self.messages, self.subscribed = queue.Queue(), queue.Queue(), queue.Queue()
        if NEW:
            self.paho = mqtt.Client(name, protocol=mqtt.MQTTv5)
        else:
            self.paho = mqtt.Client(name, clean_session=not keep, protocol=mqtt.MQTTv311)
        self.paho.on_connect = lambda client, data, flags, reason, *more: self.connected.put(flags["session present"])
        self.paho.on_message = lambda client, data, message: self.messages.put(message)
        self.paho.on_subscribe = lambda client, data, mid, *more: self.subscribed.put(mid)
        if will:
            self.paho.will_set(*will)

    def connect(self):
        """Connects and returns whether a session was present."""
        if NEW:
            properties = Properties(PacketTypes.CONNECT)
            if self.keep:
                properties.SessionExpiryInterval = 1000
            self.paho.connect(HOST, PORT, clean_start=not self.keep, properties=properties)
        else:
            self.paho.connect(HOST, PORT)
        self.paho.loop_start()
        return bool(self.connected.get(timeout=PATIENCE))

    def subscribe(self, topic, qos):
        self.paho.subscribe(topic, qos)
        self.subscribed.get(timeout=PATIENCE)

    def publish(self, topic, payload, qos=1, retain=False):
        self.paho.publish(topic, payload, qos, retain).wait_for_publish(PATIENCE)

    def expect(self, topic, payload, qos, retain=False):
        m = self.messages.get(timeout=PATIENCE)
        got = (m.topic, m.payload.decode(), m.qos, bool(m.retain))
        assert got == (topic, payload, qos, retain), got

    def leave(self):
        self.paho.disconnect()
        self.paho.loop_stop()

    def break_off(self):
        self.paho.loop_stop()
        self.paho.socket().close()


def connected(*args, **more):
    client = Client(*args, **more)
    assert not client.connect(), "a session is present"
    return client


observer = connected("observer")
observer.subscribe("py/#", 2)
publisher = connected("publisher")
for qos in range(3):
    publisher.publish("py/qos", str(qos), qos)
    observer.expect("py/qos", str(qos), qos)

publisher.publish("py/kept", "kept", retain=True)
observer.expect("py/kept", "kept", 1)
late = connected("late")
late.subscribe("py/kept", 1)
late.expect("py/kept", "kept", 1, retain=True)
publisher.publish("py/kept", "", retain=True)
observer.expect("py/kept", "", 1)

connected("mortal", will=("py/will", "gone", 1)).break_off()
observer.expect("py/will", "gone", 1)

keeper = connected("keeper", keep=True)
keeper.subscribe("py/session", 2)
keeper.leave()
for qos in (1, 2):
    publisher.publish("py/session", str(qos), qos)
assert keeper.connect(), "no session is present"
for qos in (1, 2):
    keeper.expect("py/session", str(qos), qos)

for client in (observer, publisher, late, keeper):
    client.leave()
print("done")
