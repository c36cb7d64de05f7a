package packet

import (
	"bytes"
	"io"
	"testing"

	"fieldmq/broker/mqtt"
)

// seeds are packets of every type.
func seeds() [][]byte {
	m := fullMessage()
	will := &Will{Message: fullMessage(), Delay: 1e9}
	connect := Connect{Version: V5, ClientID: "c", Will: will, HasUser: true, User: "u", HasPassword: true}
	connect.Properties.SetNumber(ReceiveMaximum, 5)
	old := Connect{Version: V311, CleanStart: true, ClientID: "c"}
	publish := Outgoing{Message: &m, QoS: 2, ID: 1, Alias: 1, SubscriptionIDs: []uint32{1, 2}}
	plain := Outgoing{Message: &mqtt.Message{Topic: "t", Payload: []byte("p")}}
	subscribe := Subscribe{ID: 1, Subscriptions: []Subscription{{Filter: "a/+", QoS: 1}, {Filter: "$share/g/#"}}}
	unsubscribe := Unsubscribe{ID: 1, Filters: []mqtt.Filter{"a/+"}}
	ack := Connack{}
	ack.Properties.SetText(AssignedClientID, "x")
	return [][]byte{
		connect.Append(nil), old.Append(nil), ack.Append(nil, V5), publish.Append(nil, V5), plain.Append(nil, V311),
		AppendAck(nil, V5, PUBACK, 1, NoMatching), AppendAck(nil, V5, PUBREC, 1, Success), AppendAck(nil, V5, PUBREL, 1, Success),
		AppendAck(nil, V5, PUBCOMP, 1, IDNotFound), subscribe.Append(nil, V5), AppendSuback(nil, V5, SUBACK, 1, []Reason{1}),
		unsubscribe.Append(nil, V5), AppendSuback(nil, V5, UNSUBACK, 1, []Reason{0}), AppendPing(nil, PINGREQ),
		AppendPing(nil, PINGRESP), AppendDisconnect(nil, V5, DisconnectWithWill, nil), AppendAuth(nil, ContinueAuth, nil),
	}
}

// decoded is a packet that was decoded, and appends itself again.
type decoded func() []byte

// decode decodes any packet. The result is nil where there is nothing to write.
func decode(v Version, f Frame) (decoded, error) {
	switch t := f.Type(); t {
	case CONNECT:
		p := new(Connect)
		return func() []byte { return p.Append(nil) }, p.Decode(f.Body)
	case CONNACK:
		p := new(Connack)
		return func() []byte { return p.Append(nil, v) }, p.Decode(v, f.Body)
	case PUBLISH:
		p := new(Publish)
		return func() []byte { return again(p, v) }, p.Decode(v, f)
	case PUBACK, PUBREC, PUBREL, PUBCOMP:
		p := new(Ack)
		return func() []byte { return AppendAck(nil, v, t, p.ID, p.Reason) }, p.Decode(v, f)
	case SUBSCRIBE:
		p := new(Subscribe)
		return func() []byte { return p.Append(nil, v) }, p.Decode(v, f.Body)
	case UNSUBSCRIBE:
		p := new(Unsubscribe)
		return func() []byte { return p.Append(nil, v) }, p.Decode(v, f.Body)
	case SUBACK, UNSUBACK:
		p := new(Suback)
		return func() []byte { return AppendSuback(nil, v, t, p.ID, p.Reasons) }, p.Decode(v, f)
	case DISCONNECT, AUTH:
		p := new(Disconnect)
		return func() []byte { return appendShort(nil, t, v, p.Reason, &p.Properties) }, p.Decode(v, f)
	}
	return nil, nil
}

func again(p *Publish, v Version) []byte {
	m := mqtt.Message{Topic: string(p.Topic), Payload: p.Payload}
	p.Describe(&m)
	out := Outgoing{
		Message: &m, Dup: p.Dup, QoS: p.QoS, Retain: p.Retain, ID: p.ID, Expiry: p.Properties.Number(MessageExpiry),
		Alias: uint16(p.Properties.Number(TopicAlias)), NoTopic: len(p.Topic) == 0, SubscriptionIDs: p.Properties.SubscriptionIDs,
	}
	b := out.Append(nil, v)
	if len(b) != out.Size(v) {
		panic("size is not what is written")
	}
	return b
}

// FuzzPackets: whatever decodes can be written, and what was written decodes
// and writes the same bytes again.
func FuzzPackets(f *testing.F) {
	for _, b := range seeds() {
		f.Add(b, true)
		f.Add(b, false)
	}
	f.Fuzz(func(t *testing.T, stream []byte, newer bool) {
		v := V311
		if newer {
			v = V5
		}
		r := NewReader(bytes.NewReader(stream), 1<<16)
		for {
			frame, err := r.Next()
			if err != nil {
				return
			}
			write, err := decode(v, frame)
			if err != nil || write == nil {
				continue
			}
			once := write()
			f2, size, err := Cut(once, MaxPacket)
			if err != nil || size != len(once) {
				t.Fatalf("% x was written as % x: %v", frame, once, err)
			}
			write, err = decode(v, f2)
			if err != nil {
				t.Fatalf("% x was written as % x: %v", frame, once, err)
			}
			if twice := write(); !bytes.Equal(once, twice) {
				t.Fatalf("% x was written as % x and then as % x", frame, once, twice)
			}
		}
	})
}

// FuzzReader: frames do not depend on how the stream arrives.
func FuzzReader(f *testing.F) {
	f.Add(bytes.Join(seeds(), nil), 3)
	f.Fuzz(func(t *testing.T, stream []byte, step int) {
		whole := NewReader(bytes.NewReader(stream), 1<<12)
		parts := NewReader(&stepReader{stream, min(max(step, 1), 1<<16)}, 1<<12)
		for {
			a, errA := whole.Next()
			b, errB := parts.Next()
			if (errA == nil) != (errB == nil) || a.Header != b.Header || !bytes.Equal(a.Body, b.Body) {
				t.Fatalf("got %v, %v and %v, %v", a, errA, b, errB)
			}
			if errA != nil {
				return
			}
		}
	})
}

type stepReader struct {
	b    []byte
	step int
}

func (r *stepReader) Read(p []byte) (int, error) {
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.b[:min(r.step, len(r.b))])
	r.b = r.b[n:]
	return n, nil
}
