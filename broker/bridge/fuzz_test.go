package bridge

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"

	"fieldmq/broker"
	"fieldmq/broker/mqtt"
)

// recorded is a connection whose other side says what is recorded.
type recorded struct {
	net.Conn
	io.Reader
}

func (r recorded) Read(p []byte) (int, error)       { return r.Reader.Read(p) }
func (recorded) Write(p []byte) (int, error)        { return len(p), nil }
func (recorded) Close() error                       { return nil }
func (recorded) SetWriteDeadline(t time.Time) error { return nil }
func (recorded) SetReadDeadline(t time.Time) error  { return nil }

// FuzzServer: whatever a server says, nothing panics, and what is made of it
// is published on proper topics only.
func FuzzServer(f *testing.F) {
	add := func(p io.WriterTo) {
		var b bytes.Buffer
		p.WriteTo(&b)
		f.Add(b.Bytes())
	}
	expiry, one := uint32(10), byte(1)
	add(&packets.Publish{Topic: "site/device/a/b/set", Payload: []byte("x"), QoS: 2, PacketID: 7, Properties: &packets.Properties{
		ResponseTopic: "r", CorrelationData: []byte("c"), MessageExpiry: &expiry, PayloadFormat: &one, User: []packets.User{{Key: "hop", Value: "v"}},
	}})
	add(&packets.Publish{Topic: "site/device/box/status", Payload: []byte("offline"), Properties: &packets.Properties{}})
	add(&packets.Puback{PacketID: 1, ReasonCode: 0x97, Properties: &packets.Properties{ReasonString: "later"}})
	add(&packets.Pubrec{PacketID: 1})
	add(&packets.Pubrel{PacketID: 7})
	add(&packets.Pubcomp{PacketID: 1})
	add(&packets.Suback{PacketID: 60001, Reasons: []byte{1}, Properties: &packets.Properties{}})
	add(&packets.Disconnect{ReasonCode: 0x95, Properties: &packets.Properties{}})
	f.Add([]byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F})
	f.Add([]byte{0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F})
	f.Fuzz(func(t *testing.T, said []byte) {
		s := broker.New(broker.Defaults(), quiet)
		b := New(config("mqtt://x"), Identity{Gateway: "box", Upstream: "cloud", Online: status("online"), Offline: status("offline")}, s, &pocket{}, quiet)
		if err := b.Open(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.queue.begin(anything, false)
		b.queue.add(message("a", "x", false), false, time.Now())
		b.queue.next(time.Now())
		c := newConn(recorded{Reader: bytes.NewReader(said)})
		if err := b.protocol.ConAckReceived(io.Discard, nil, &packets.Connack{Properties: &packets.Properties{}}); err != nil {
			t.Fatal(err)
		}
		messages := make(chan *packets.Publish, 1)
		for {
			p, err := packets.ReadPacket(c)
			if err != nil {
				return
			}
			if publish, ok := p.Content.(*packets.Publish); ok && publish.QoS == 0 {
				messages <- publish
			} else if err := b.protocol.PacketReceived(p, messages); err != nil {
				t.Fatal(err)
			}
			select {
			case m := <-messages:
				b.receive(t.Context(), paho.PublishFromPacketPublish(m).Packet())
				b.protocol.Ack(m)
			default:
			}
		}
	})
}

// FuzzRule: what a rule makes is what its target takes, and the way back leads
// to where it came from.
func FuzzRule(f *testing.F) {
	f.Add("device/+/#", "site/+/x/#", "device/a/b/c")
	f.Add("#", "site/#", "/")
	f.Add("a/#", "#", "a")
	f.Add("+/+", "+/x/+", "/")
	f.Fuzz(func(t *testing.T, from, to, topic string) {
		r := &rule{from: mqtt.Filter(from), to: mqtt.Filter(to)}
		if validateRule(r) != nil || !mqtt.ValidTopic(topic) {
			return
		}
		there, ok := r.apply(topic)
		if !ok || !mqtt.ValidTopic(there) || len(there) > 0 && there[0] == '$' {
			return
		}
		if !r.target().Match(there) {
			t.Fatalf("%q to %q makes %q of %q", from, to, there, topic)
		}
		if back, ok := r.reverse().apply(there); !ok || back != topic {
			t.Errorf("%q to %q makes %q of %q, and %q of that", from, to, there, topic, back)
		}
	})
}

func TestRulesCarryWildcardsOver(t *testing.T) {
	for _, c := range []struct{ from, to, topic, want string }{
		{"device/#", "site/device/#", "device/a/b", "site/device/a/b"},
		{"device/#", "site/device/#", "device", "site/device"},
		{"device/#", "#", "device/a", "a"},
		{"#", "site/#", "a/b", "site/a/b"},
		{"#", "site/#", "/a", "site//a"},
		{"+/x/+", "y/+/z/+", "1/x/2", "y/1/z/2"},
		{"a/b", "c", "a/b", "c"},
		{"a/#", "", "a/b", "a/b"},
		{"+/a", "+/b", "/a", "/b"},
	} {
		r := &rule{from: mqtt.Filter(c.from), to: mqtt.Filter(c.to)}
		if got, ok := r.apply(c.topic); !ok || got != c.want {
			t.Errorf("%s to %s: %s becomes %q, want %q", c.from, c.to, c.topic, got, c.want)
		}
	}
	if _, ok := (&rule{from: "a/+"}).apply("b/c"); ok {
		t.Error("a rule takes what is not its own")
	}
}

func TestPacketSizeIsNeverTooSmall(t *testing.T) {
	for n := range 300 {
		m := mqtt.Message{
			Topic: "t", Payload: make([]byte, n*n), ContentType: string(make([]byte, n)), ResponseTopic: "r", CorrelationData: []byte("c"), UTF8: true,
			UserProperties: []mqtt.UserProperty{{Name: "hop", Value: "x"}, {Name: "y", Value: "z"}}, Expiry: time.Second,
		}
		now := time.Now()
		e := &entry{item: item{message: m, came: now, expires: now.Add(time.Second)}}
		for _, f := range []flight{{entry: e, qos: 2, id: 1}, {entry: e, qos: 1, id: 1, replay: true}} {
			var b bytes.Buffer
			if _, err := f.encode(now, nil).WriteTo(&b); err != nil {
				t.Fatal(err)
			}
			if got := packetSize(&m); got < int64(b.Len()) || got > int64(b.Len())+80 {
				t.Fatalf("%d for a packet of %d bytes", got, b.Len())
			}
		}
	}
}

func TestPacketsThatAreTooLargeAreRefusedUnread(t *testing.T) {
	for _, said := range [][]byte{{0x30, 0xFF, 0xFF, 0xFF, 0x7F, 0}, {0x30, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F}} {
		c := newConn(recorded{Reader: bytes.NewReader(said)})
		if n, err := c.Read(make([]byte, 10)); err == nil {
			t.Errorf("%d bytes of % X are taken", n, said)
		}
	}
}

func TestOnlyResponseTopicsThatWereNamedAreReached(t *testing.T) {
	r := newReplies("cloud")
	first := r.lend("answers/1")
	if there, ok := r.find(first); !ok || there != "answers/1" {
		t.Errorf("got %q, %v", there, ok)
	}
	for range len(r.last) {
		r.lend("answers/x")
	}
	for _, here := range []string{first, "upstream/cloud/reply/0", "upstream/cloud/reply/99999", "upstream/cloud/reply/x"} {
		if there, ok := r.find(here); ok {
			t.Errorf("%s leads to %s", here, there)
		}
	}
}
