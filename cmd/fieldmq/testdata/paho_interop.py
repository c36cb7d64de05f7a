"""What a client may expect of any broker, asked with Debian's python3-paho-mqtt.

Usage: paho_interop.py HOST PORT. The broker lets everybody do everything. Prints
a line for each thing that holds, and "done"; fails at the first that does not.
"""

import queue
import socket
import struct
import sys
import time

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

HOST, PORT = sys.argv[1], int(sys.argv[2])
PATIENCE = 30
V4, V5 = mqtt.MQTTv311, mqtt.MQTTv5


def properties(kind, **values):
    p = Properties(kind)
    for name, value in values.items():
        setattr(p, name, value)
    return p


everyone = []  # who is to leave after a check


class Client:
    """A client whose events wait in queues."""

    def __init__(self, version, name, start=True, expiry=0, will=None, **connect):
        self.version, self.start, self.connect_properties = version, start, dict(connect)
        if expiry:
            self.connect_properties["SessionExpiryInterval"] = expiry
        self.connacks, self.messages, self.answers, self.ends = (queue.Queue() for _ in range(4))
        clean = {"clean_session": start and not expiry} if version == V4 else {}
        self.paho = c = mqtt.Client(name, protocol=version, **clean)
        c.on_connect = lambda c, d, flags, reason, p=None: self.connacks.put((flags["session present"], reason, p))
        c.on_message = lambda c, d, m: self.messages.put(m)
        c.on_subscribe = lambda c, d, mid, granted, p=None: self.answers.put(granted)
        c.on_unsubscribe = lambda c, d, mid, *more: self.answers.put(mid)
        c.on_disconnect = lambda c, d, reason, p=None: self.ends.put(reason)
        if will:
            c.will_set(**will)
        everyone.append(self)
        self.open()

    def open(self):
        more = {}
        if self.version == V5:
            more = {"clean_start": self.start, "properties": properties(PacketTypes.CONNECT, **self.connect_properties)}
        self.paho.connect(HOST, PORT, **more)
        self.paho.loop_start()
        self.present, reason, self.told = self.connacks.get(timeout=PATIENCE)
        assert int(getattr(reason, "value", reason)) == 0, reason

    def again(self):
        self.start = False
        self.open()
        return self

    def subscribe(self, topic, qos=0, id=None, **options):
        if self.version == V5:
            p = properties(PacketTypes.SUBSCRIBE, **({"SubscriptionIdentifier": id} if id else {}))
            self.paho.subscribe(topic, options=SubscribeOptions(qos, **options), properties=p)
        else:
            self.paho.subscribe(topic, qos)
        granted = self.answers.get(timeout=PATIENCE)
        return int(getattr(granted[0], "value", granted[0]))

    def unsubscribe(self, topic):
        self.paho.unsubscribe(topic)
        self.answers.get(timeout=PATIENCE)

    def publish(self, topic, payload, qos=1, retain=False, **values):
        p = properties(PacketTypes.PUBLISH, **values) if self.version == V5 else None
        self.paho.publish(topic, payload, qos, retain, p).wait_for_publish(PATIENCE)

    def next(self):
        return self.messages.get(timeout=PATIENCE)

    def expect(self, *wanted):
        """The next messages, as (topic, payload, QoS)."""
        for want in wanted:
            m = self.next()
            got = (m.topic, m.payload.decode(), m.qos)
            assert got == want, (got, want)

    def silence(self):
        """Nothing came before what this client says to itself now."""
        self.subscribe("interop/silence/" + self.paho._client_id.decode(), 1)
        self.publish("interop/silence/" + self.paho._client_id.decode(), "")
        m = self.next()
        assert m.topic.startswith("interop/silence/"), (m.topic, m.payload)

    def leave(self, **values):
        if values:
            self.paho.disconnect(properties=properties(PacketTypes.DISCONNECT, **values))
        else:
            self.paho.disconnect()
        self.ends.get(timeout=PATIENCE)
        self.paho.loop_stop()

    def break_off(self):
        self.paho.loop_stop()
        if self.paho.socket():
            self.paho.socket().close()


# Bytes, for what paho does by itself.


def text(s):
    return struct.pack(">H", len(s)) + s.encode()


def packet(head, body):
    n, size = len(body), b""
    while True:
        n, low = n >> 7, n & 0x7F
        size += bytes([low | (0x80 if n else 0)])
        if not n:
            return bytes([head]) + size + body


class Raw:
    """A client of 5.0 that acknowledges nothing by itself."""

    def __init__(self, name, given=b"", keep=0):
        self.sock = socket.create_connection((HOST, PORT), PATIENCE)
        self.sock.sendall(packet(0x10, text("MQTT") + b"\x05\x02" + struct.pack(">H", keep) + bytes([len(given)]) + given + text(name)))
        kind, body = self.read()
        assert kind == 0x20 and body[1] == 0, body

    def need(self, n):
        got = b""
        while len(got) < n:
            more = self.sock.recv(n - len(got))
            if not more:
                raise EOFError
            got += more
        return got

    def read(self):
        head, n, shift = self.need(1)[0], 0, 0
        while True:
            b = self.need(1)[0]
            n, shift = n | (b & 0x7F) << shift, shift + 7
            if b < 0x80:
                return head, self.need(n)

    def subscribe(self, topic, qos):
        self.sock.sendall(packet(0x82, b"\x00\x01\x00" + text(topic) + bytes([qos])))
        assert self.read()[0] == 0x90

    def publish2(self, topic, id):
        self.sock.sendall(packet(0x34, text(topic) + struct.pack(">H", id) + b"\x00x"))

    def ping(self):
        self.sock.sendall(b"\xc0\x00")


def publication(head, body):
    """Topic, identifier, properties and payload of a PUBLISH."""
    n = struct.unpack(">H", body[:2])[0]
    topic, rest, id = body[2 : 2 + n].decode(), body[2 + n :], 0
    if head & 6:
        id, rest = struct.unpack(">H", rest[:2])[0], rest[2:]
    return topic, id, rest[1 : 1 + rest[0]], rest[1 + rest[0] :]


checks = []


def check(*versions):
    def add(f):
        checks.extend((f, v) for v in versions)
        return f

    return add


@check(V4, V5)
def basic(v):
    a = Client(v, "a")
    assert a.subscribe("interop/basic", 2) == 2
    for qos in range(3):
        a.publish("interop/basic", str(qos), qos)
    a.expect(*[("interop/basic", str(q), q) for q in range(3)])
    a.unsubscribe("interop/basic")
    a.publish("interop/basic", "unheard")
    a.silence()
    a.leave()


@check(V4, V5)
def retained(v):
    a = Client(v, "a")
    for qos in range(3):
        a.publish("interop/kept/%d" % qos, "old", qos, True)
        a.publish("interop/kept/%d" % qos, "new", qos, True)
    a.subscribe("interop/kept/+", 2)
    for m in sorted((a.next() for _ in range(3)), key=lambda m: m.topic):
        assert (m.payload, bool(m.retain), m.topic[-1]) == (b"new", True, str(m.qos)), m.topic
    for qos in range(3):
        a.publish("interop/kept/%d" % qos, "", qos, True)
        assert a.next().payload == b""
    Client(v, "b").subscribe("interop/kept/+", 2)
    a.subscribe("interop/kept/+", 2)
    a.silence()
    a.leave()


@check(V4, V5)
def offline(v):
    a, b = Client(v, "keeper", start=v == V5, expiry=1000), Client(v, "b")
    a.subscribe("interop/offline/#", 2)
    a.leave()
    for qos in (1, 2):
        for n in range(20):
            b.publish("interop/offline/%d" % qos, str(n), qos)
    assert a.again().present
    a.expect(*[("interop/offline/%d" % q, str(n), q) for q in (1, 2) for n in range(20)])
    a.leave(**({"SessionExpiryInterval": 0} if v == V5 else {}))
    if v == V4:
        Client(v, "keeper").leave()  # which cleans
    assert not Client(v, "keeper", start=v == V5).present
    b.leave()


@check(V4, V5)
def will(v):
    watch = Client(v, "watch")
    watch.subscribe("interop/will", 2)
    given = dict(topic="interop/will", payload="gone", qos=2)
    Client(v, "mortal", will=given).break_off()
    watch.expect(("interop/will", "gone", 2))
    Client(v, "polite", will=given).leave()
    watch.silence()
    watch.leave()


@check(V4, V5)
def overlapping(v):
    a = Client(v, "a")
    a.subscribe("interop/over/#", 2)
    a.subscribe("interop/over/+", 1)
    a.publish("interop/over/x", "x", 2)
    got = [a.next().qos]
    while True:  # one with the highest QoS, or one for each
        a.publish("interop/over/end", "", 0)
        m = a.next()
        if m.topic.endswith("end"):
            break
        got.append(m.qos)
    assert got in ([2], [2, 1], [1, 2]), got
    a.leave()


@check(V4, V5)
def redelivery(v):
    for qos in (1, 2):
        a, b = Client(v, "again", start=v == V5, expiry=1000), Client(v, "b")
        a.subscribe("interop/again", 2)
        first = queue.Queue()

        def interrupt(c, d, m):
            first.put(m)
            c.socket().shutdown(socket.SHUT_RDWR)

        keep, a.paho.on_message = a.paho.on_message, interrupt
        if qos == 2:  # paho tells of it after PUBREL
            a.break_off()
        b.publish("interop/again", "x", qos)
        if qos == 1:
            first.get(timeout=PATIENCE)
            a.paho.loop_stop()
        a.paho.on_message = keep
        assert a.again().present
        m = a.next()
        assert (m.payload, m.qos, bool(m.dup)) == (b"x", qos, qos == 1), (m.qos, m.dup)
        a.silence()
        a.leave(**({"SessionExpiryInterval": 0} if v == V5 else {}))
        if v == V4:
            Client(v, "again").leave()
        b.leave()


@check(V4, V5)
def dollar_topics(v):
    a = Client(v, "a")
    a.subscribe("+/interop", 0)
    a.publish("$x/interop", "x")
    a.silence()
    a.leave()


@check(V4)
def zero_length_id(v):
    Client(v, "").leave()
    with socket.create_connection((HOST, PORT), PATIENCE) as sock:  # paho would try again with a name
        sock.sendall(packet(0x10, text("MQTT") + b"\x04\x00\x00\x3c" + text("")))
        assert sock.recv(4) == b"\x20\x02\x00\x02"


@check(V5)
def assigned_id(v):
    a = Client(v, "")
    assert len(a.told.AssignedClientIdentifier) > 0
    a.leave()


@check(V5)
def keepalive(v):
    raw = Raw("silent", keep=1)
    head, body = raw.read()  # of a client that says nothing
    assert (head, body[0]) == (0xE0, 0x8D), (head, body)


@check(V5)
def session_expiry(v):
    Client(v, "s", expiry=1000).leave()
    a = Client(v, "s", start=False, expiry=1000)
    assert a.present
    a.leave(SessionExpiryInterval=0)
    assert not Client(v, "s", start=False).present


@check(V5)
def shared(v):
    members = [Client(v, "m%d" % i) for i in range(2)]
    for m in members:
        m.subscribe("$share/interop/interop/shared", 1)
    b = Client(v, "b")
    for n in range(10):
        b.publish("interop/shared", str(n))
    deadline, got = time.monotonic() + PATIENCE, []
    while len(got) < 10 and time.monotonic() < deadline:
        for m in members:
            try:
                got.append((m.messages.get(timeout=0.01).payload, m))
            except queue.Empty:
                pass
    assert sorted(p for p, _ in got) == [b"%d" % n for n in range(10)] and len({m for _, m in got}) == 2, got
    for c in members + [b]:
        c.silence()
        c.leave()


@check(V5)
def identifiers_and_properties(v):
    a = Client(v, "a")
    a.subscribe("interop/p/#", 2, id=7)
    a.subscribe("interop/p/+", 2, id=8)
    a.publish("interop/p/x", "ü", 2, PayloadFormatIndicator=1, ContentType="text/plain", ResponseTopic="interop/answer",
              CorrelationData=b"\x00c", MessageExpiryInterval=100, UserProperty=[("k", "1"), ("k", "2")])
    ids, left = set(), {7, 8}
    while left - ids:
        p = a.next().properties
        ids |= set(p.SubscriptionIdentifier)
        assert (p.PayloadFormatIndicator, p.ContentType, p.ResponseTopic, p.CorrelationData) == (1, "text/plain", "interop/answer", b"\x00c")
        assert p.UserProperty == [("k", "1"), ("k", "2")] and 0 < p.MessageExpiryInterval <= 100
    assert ids == left
    b = Client(v, "b")
    b.subscribe("interop/answer", 1)
    a.publish(p.ResponseTopic, "yes", CorrelationData=p.CorrelationData)
    assert b.next().properties.CorrelationData == b"\x00c"
    a.leave(), b.leave()


@check(V5)
def subscribe_options(v):
    a, b = Client(v, "a"), Client(v, "b")
    a.publish("interop/o/kept", "x", 1, True)
    a.subscribe("interop/o/kept", 1, noLocal=True)  # brings what is retained
    assert bool(a.next().retain)
    a.subscribe("interop/o/kept", 1, noLocal=True, retainHandling=1)  # not again
    b.subscribe("interop/o/kept", 1, retainHandling=2, retainAsPublished=True)
    a.publish("interop/o/kept", "own", 1, True)
    m = b.next()
    assert (m.payload, bool(m.retain)) == (b"own", True)
    a.silence(), b.silence()
    a.publish("interop/o/kept", "", 1, True)
    a.leave(), b.leave()


@check(V5)
def flow_to_the_client(v):
    raw, b = Raw("narrow", b"\x21\x00\x02"), Client(v, "b")  # receive maximum 2
    raw.subscribe("interop/flow", 1)
    for n in range(5):
        b.publish("interop/flow", str(n))
    for n in range(5):
        if n in (0, 2, 4):  # two at a time, and nothing beside them
            came = []
            raw.ping()
            while True:
                head, body = raw.read()
                if head == 0xD0:
                    break
                came.append(publication(head, body))
            while len(came) < (2 if n < 4 else 1):
                came.append(publication(*raw.read()))
            assert [int(m[3]) for m in came] == list(range(n, min(n + 2, 5))), came
            for m in came:
                raw.sock.sendall(packet(0x40, struct.pack(">H", m[1])))
    b.leave()


@check(V5)
def flow_to_the_broker(v):
    most = Client(v, "a").told.ReceiveMaximum
    raw = Raw("flood")
    for id in range(1, most + 2):  # PUBREL never comes
        raw.publish2("interop/flood", id)
    while True:
        head, body = raw.read()
        if head == 0xE0:
            assert body[0] == 0x93, body
            return


@check(V5)
def will_delay(v):
    watch = Client(v, "watch")
    watch.subscribe("interop/late", 1)
    p = properties(PacketTypes.WILLMESSAGE, WillDelayInterval=2)
    began = time.monotonic()
    Client(v, "late", expiry=100, will=dict(topic="interop/late", payload="gone", qos=1, properties=p)).break_off()
    watch.expect(("interop/late", "gone", 1))
    assert time.monotonic() - began >= 2
    Client(v, "back", expiry=100, will=dict(topic="interop/late", payload="gone", qos=1, properties=p)).break_off()
    back = Client(v, "back", start=False, expiry=100)
    time.sleep(2.5)  # in which the will of the first connection would come
    watch.silence()
    back.leave(), watch.leave()


@check(V5)
def maximum_packet_size(v):
    a, b = Client(v, "a", MaximumPacketSize=100), Client(v, "b")
    a.subscribe("interop/size", 1)
    b.publish("interop/size", "x" * 200)
    b.publish("interop/size", "small")
    a.expect(("interop/size", "small", 1))
    b.paho.publish("interop/size", "x" * b.told.MaximumPacketSize, 1)
    assert int(getattr(b.ends.get(timeout=PATIENCE), "value", 0x95)) == 0x95
    b.paho.loop_stop()
    a.leave()


@check(V5)
def publication_expiry(v):
    a, b = Client(v, "expiring", expiry=1000), Client(v, "b")
    a.subscribe("interop/expiry", 1)
    a.leave()
    b.publish("interop/expiry", "short", MessageExpiryInterval=1)
    b.publish("interop/expiry", "long", MessageExpiryInterval=1000)
    time.sleep(1.5)
    a.again()
    m = a.next()
    assert m.payload == b"long" and 0 < m.properties.MessageExpiryInterval < 1000, m.payload
    a.leave(SessionExpiryInterval=0), b.leave()


@check(V5)
def topic_aliases(v):
    raw, b = Raw("aliased", b"\x22\x00\x05"), Client(v, "b")  # topic alias maximum 5
    raw.subscribe("interop/alias", 0)
    names = {}
    assert b.told.TopicAliasMaximum > 0
    for n in range(5):
        b.publish("interop/alias" if n == 0 else "", str(n), TopicAlias=1)
        topic, _, given, payload = publication(*raw.read())
        alias = given[given.index(0x23) + 1 :][:2] if 0x23 in given else None
        if topic and alias:
            names[alias] = topic
        assert (topic or names[alias], payload) == ("interop/alias", b"%d" % n), (topic, payload)
    b.leave()


for f, version in checks:
    f(version)
    while everyone:
        everyone.pop().break_off()
    print(f.__name__, "5.0" if version == V5 else "3.1.1", flush=True)
print("done")
