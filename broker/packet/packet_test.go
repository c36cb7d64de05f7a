package packet

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"fieldmq/broker/mqtt"
)

// frameOf cuts the only packet out of b.
func frameOf(t testing.TB, b []byte) Frame {
	t.Helper()
	f, size, err := Cut(b, MaxPacket)
	if err != nil || size != len(b) {
		t.Fatalf("cut % x: size %d of %d, %v", b, size, len(b), err)
	}
	return f
}

// reasonOf is the reason code of a fault, Success if there is none.
func reasonOf(err error) Reason {
	var fault *Error
	if errors.As(err, &fault) {
		return fault.Reason
	}
	return Success
}

func fullMessage() mqtt.Message {
	return mqtt.Message{
		Topic: "device/boiler/flow", Payload: []byte("21.5"), QoS: mqtt.AtLeastOnce, Retain: true,
		Expiry: 90 * time.Second, UTF8: true, ContentType: "text/plain", ResponseTopic: "device/boiler/reply",
		CorrelationData: []byte{0, 1, 2},
		UserProperties:  []mqtt.UserProperty{{Name: "ts", Value: "1"}, {Name: "ts", Value: "2"}},
	}
}

func TestConnectComesBackAsItWent(t *testing.T) {
	will := &Will{Message: fullMessage(), Delay: 10 * time.Second}
	var properties Properties
	properties.SetNumber(SessionExpiry, 3600)
	properties.SetNumber(ReceiveMaximum, 20)
	properties.User = []mqtt.UserProperty{{Name: "a", Value: "b"}}
	properties.present |= 1 << UserProperty
	old := *will
	old.Delay = 0
	old.Message = mqtt.Message{Topic: "w", Payload: []byte{}, QoS: mqtt.ExactlyOnce}
	for _, want := range []Connect{
		{Version: V311, CleanStart: true, ClientID: "a", KeepAlive: 60},
		{Version: V311, ClientID: "a", Will: &old, User: "u", HasUser: true, Password: []byte("p"), HasPassword: true},
		{Version: V5, CleanStart: true, Will: will, Properties: properties},
		{Version: V5, ClientID: "ü", Password: []byte{}, HasPassword: true},
	} {
		var got Connect
		if err := got.Decode(frameOf(t, want.Append(nil)).Body); err != nil {
			t.Errorf("%+v: %v", want, err)
		} else if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestPublishComesBackAsItWent(t *testing.T) {
	want := fullMessage()
	out := Outgoing{
		Message: &want, Dup: true, QoS: want.QoS, Retain: want.Retain, ID: 7, Expiry: 90, Alias: 3,
		SubscriptionIDs: []uint32{1, 268_435_455},
	}
	b := out.Append(nil, V5)
	if len(b) != out.Size(V5) {
		t.Errorf("size %d, but %d bytes", out.Size(V5), len(b))
	}
	var in Publish
	if err := in.Decode(V5, frameOf(t, b)); err != nil {
		t.Fatal(err)
	}
	got := mqtt.Message{Topic: string(in.Topic), Payload: in.Payload, QoS: in.QoS, Retain: in.Retain}
	in.Describe(&got)
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !in.Dup || in.ID != 7 || in.Properties.Number(TopicAlias) != 3 {
		t.Errorf("got %+v", in)
	}
	if !reflect.DeepEqual(in.Properties.SubscriptionIDs, out.SubscriptionIDs) {
		t.Errorf("got identifiers %v", in.Properties.SubscriptionIDs)
	}
}

func TestPropertiesStayOutOf311(t *testing.T) {
	m := fullMessage()
	out := Outgoing{Message: &m, QoS: 1, ID: 7}
	b := out.Append(nil, V311)
	want := append(append([]byte{0x32, 26, 0, 18}, m.Topic...), 0, 7)
	if want = append(want, m.Payload...); !bytes.Equal(b, want) {
		t.Errorf("got % x, want % x", b, want)
	}
}

func TestIdentifierStandsWhereAppendSays(t *testing.T) {
	for _, size := range []int{1, 127, 200, 20_000} {
		m := mqtt.Message{Topic: strings.Repeat("t", size)}
		out := Outgoing{Message: &m, QoS: 2, ID: 0x1234}
		b, at := out.AppendAt([]byte("before"), V5)
		if b[at] != 0x12 || b[at+1] != 0x34 {
			t.Errorf("topic of %d bytes: % x at %d", size, b[at:at+2], at)
		}
	}
}

func TestReasonsComeBackAsTheyWent(t *testing.T) {
	for _, v := range []Version{V311, V5} {
		for _, r := range []Reason{Success, IDNotFound} {
			b := AppendAck(nil, v, PUBREL, 9, r)
			var got Ack
			if err := got.Decode(v, frameOf(t, b)); err != nil {
				t.Fatal(err)
			}
			want := Ack{ID: 9, Reason: r}
			if v == V311 {
				want.Reason = Success
			}
			if got != want {
				t.Errorf("version %d: got %+v, want %+v", v, got, want)
			}
		}
	}
}

func TestSubscribeComesBackAsItWent(t *testing.T) {
	want := Subscribe{ID: 3, Subscriptions: []Subscription{
		{Filter: "a/+", QoS: 2, NoLocal: true, RetainAsPublished: true, Retain: SendRetainedIfNew},
		{Filter: "#", Retain: SendNoRetained},
	}}
	want.Properties.present = 1 << SubscriptionID
	want.Properties.SubscriptionIDs = []uint32{300}
	var got Subscribe
	if err := got.Decode(V5, frameOf(t, want.Append(nil, V5)).Body); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) || got.SubscriptionID() != 300 {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestUnsubscribeComesBackAsItWent(t *testing.T) {
	want := Unsubscribe{ID: 3, Filters: []mqtt.Filter{"a", "b/#"}}
	for _, v := range []Version{V311, V5} {
		var got Unsubscribe
		if err := got.Decode(v, frameOf(t, want.Append(nil, v)).Body); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
}

func TestFaultsHaveTheirReasons(t *testing.T) {
	connect := func(v Version, b []byte) error { return new(Connect).Decode(frameOf(t, b).Body) }
	publish := func(v Version, b []byte) error {
		f, _, err := Cut(b, 1000)
		if err != nil {
			return err
		}
		return new(Publish).Decode(v, f)
	}
	subscribe := func(v Version, b []byte) error { return new(Subscribe).Decode(v, frameOf(t, b).Body) }
	unsubscribe := func(v Version, b []byte) error { return new(Unsubscribe).Decode(v, frameOf(t, b).Body) }
	ack := func(v Version, b []byte) error { return new(Ack).Decode(v, frameOf(t, b)) }
	disconnect := func(v Version, b []byte) error { return new(Disconnect).Decode(v, frameOf(t, b)) }
	for _, c := range []struct {
		name   string
		decode func(Version, []byte) error
		v      Version
		bytes  string
		want   Reason
	}{
		{"a name that is not MQTT [MQTT-3.1.2-1]", connect, V5, "\x10\x0d\x00\x04MQTX\x05\x02\x00\x00\x00\x00\x00", UnsupportedVersion},
		{"a version of the future [MQTT-3.1.2-2]", connect, V5, "\x10\x0d\x00\x04MQTT\x06\x02\x00\x00\x00\x00\x00", UnsupportedVersion},
		{"the reserved connect flag [MQTT-3.1.2-3]", connect, V5, "\x10\x0d\x00\x04MQTT\x05\x03\x00\x00\x00\x00\x00", Malformed},
		{"a will of QoS 3 [MQTT-3.1.2-12]", connect, V5, "\x10\x0d\x00\x04MQTT\x05\x1e\x00\x00\x00\x00\x00", Malformed},
		{"will flags without a will [MQTT-3.1.2-11]", connect, V5, "\x10\x0d\x00\x04MQTT\x05\x22\x00\x00\x00\x00\x00", Malformed},
		{"a password alone in 3.1.1 [MQTT-3.1.2-22]", connect, V311, "\x10\x0e\x00\x04MQTT\x04\x42\x00\x00\x00\x00\x00\x00", Malformed},
		{"receive maximum 0", connect, V5, "\x10\x10\x00\x04MQTT\x05\x02\x00\x00\x03\x21\x00\x00\x00\x00", ProtocolError},
		{"maximum packet size 0", connect, V5, "\x10\x12\x00\x04MQTT\x05\x02\x00\x00\x05\x27\x00\x00\x00\x00\x00\x00", ProtocolError},
		{"a property twice", connect, V5, "\x10\x13\x00\x04MQTT\x05\x02\x00\x00\x06\x21\x00\x01\x21\x00\x01\x00\x00", ProtocolError},
		{"a property of another packet", connect, V5, "\x10\x10\x00\x04MQTT\x05\x02\x00\x00\x03\x23\x00\x01\x00\x00", Malformed},
		{"a property that is none", connect, V5, "\x10\x0f\x00\x04MQTT\x05\x02\x00\x00\x02\x7f\x00\x00\x00", Malformed},
		{"a property whose number only looks right cut to a byte", connect, V5, "\x10\x11\x00\x04MQTT\x05\x02\x00\x00\x04\xa1\x02\x00\x01\x00\x00", Malformed},
		{"a flag property of 2", connect, V5, "\x10\x0f\x00\x04MQTT\x05\x02\x00\x00\x02\x17\x02\x00\x00", ProtocolError},
		{"authentication data without a method", connect, V5, "\x10\x10\x00\x04MQTT\x05\x02\x00\x00\x03\x16\x00\x00\x00\x00", ProtocolError},
		{"a client id that is not UTF-8 [MQTT-1.5.4-1]", connect, V5, "\x10\x0e\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x01\xff", Malformed},
		{"a surrogate [MQTT-1.5.4-1]", connect, V5, "\x10\x10\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x03\xed\xa0\x80", Malformed},
		{"U+0000 [MQTT-1.5.4-2]", connect, V5, "\x10\x0e\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x01\x00", Malformed},
		{"bytes behind the end", connect, V5, "\x10\x0e\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x00\x00", Malformed},
		{"an end within a field", connect, V5, "\x10\x0c\x00\x04MQTT\x05\x02\x00\x00\x00\x00", Malformed},
		{"a will topic with a wildcard", connect, V5, "\x10\x13\x00\x04MQTT\x05\x06\x00\x00\x00\x00\x00\x00\x00\x01#\x00\x00", TopicInvalid},

		{"QoS 3 [MQTT-3.3.1-4]", publish, V5, "\x36\x06\x00\x01a\x00\x01\x00", Malformed},
		{"DUP with QoS 0 [MQTT-3.3.1-2]", publish, V5, "\x38\x04\x00\x01a\x00", Malformed},
		{"identifier 0 [MQTT-2.2.1-3]", publish, V5, "\x32\x06\x00\x01a\x00\x00\x00", ProtocolError},
		{"a topic with a wildcard [MQTT-3.3.2-2]", publish, V5, "\x30\x06\x00\x03a/+\x00", ProtocolError},
		{"no topic [MQTT-4.7.3-1]", publish, V5, "\x30\x03\x00\x00\x00", ProtocolError},
		{"no topic in 3.1.1", publish, V311, "\x30\x02\x00\x00", ProtocolError},
		{"topic alias 0 [MQTT-3.3.2-8]", publish, V5, "\x30\x07\x00\x01a\x03\x23\x00\x00", TopicAliasInvalid},
		{"a response topic with a wildcard [MQTT-3.3.2-14]", publish, V5, "\x30\x08\x00\x01a\x04\x08\x00\x01#", TopicInvalid},
		{"subscription identifier 0", publish, V5, "\x30\x06\x00\x01a\x02\x0b\x00", ProtocolError},
		{"a topic that is not UTF-8", publish, V5, "\x30\x04\x00\x01\xff\x00", Malformed},
		{"properties longer than the packet", publish, V5, "\x30\x04\x00\x01a\x05", Malformed},
		{"more bytes than the limit", publish, V5, "\x30\xff\x7f", TooLarge},

		{"no filter [MQTT-3.8.3-2]", subscribe, V5, "\x82\x03\x00\x01\x00", ProtocolError},
		{"reserved options [MQTT-3.8.3-5]", subscribe, V5, "\x82\x07\x00\x01\x00\x00\x01a\x40", Malformed},
		{"options of 5.0 in 3.1.1", subscribe, V311, "\x82\x06\x00\x01\x00\x01a\x04", Malformed},
		{"QoS 3", subscribe, V5, "\x82\x07\x00\x01\x00\x00\x01a\x03", ProtocolError},
		{"retain handling 3", subscribe, V5, "\x82\x07\x00\x01\x00\x00\x01a\x30", ProtocolError},
		{"identifier 0", subscribe, V5, "\x82\x07\x00\x00\x00\x00\x01a\x00", Malformed},
		{"subscription identifier 0", subscribe, V5, "\x82\x09\x00\x01\x02\x0b\x00\x00\x01a\x00", ProtocolError},
		{"two subscription identifiers", subscribe, V5, "\x82\x0b\x00\x01\x04\x0b\x01\x0b\x02\x00\x01a\x00", ProtocolError},
		{"a filter that is none", subscribe, V5, "\x82\x09\x00\x01\x00\x00\x03#/a\x00", Malformed},
		{"a filter that is none", unsubscribe, V311, "\xa2\x07\x00\x01\x00\x03#/a", Malformed},
		{"identifier 0", unsubscribe, V5, "\xa2\x06\x00\x00\x00\x00\x01a", Malformed},
		{"no filter [MQTT-3.10.3-2]", unsubscribe, V5, "\xa2\x03\x00\x01\x00", ProtocolError},

		{"identifier 0", ack, V5, "\x40\x02\x00\x00", ProtocolError},
		{"a reason of another packet [MQTT-3.4.2-1]", ack, V5, "\x40\x03\x00\x01\x92", ProtocolError},
		{"a reason in 3.1.1", ack, V311, "\x40\x03\x00\x01\x00", Malformed},
		{"a reason that is none [MQTT-3.14.2-1]", disconnect, V5, "\xe0\x01\x7f", ProtocolError},
		{"a reason in 3.1.1", disconnect, V311, "\xe0\x01\x00", Malformed},
		{"AUTH in 3.1.1", disconnect, V311, "\xf0\x00", Malformed},
	} {
		if got := reasonOf(c.decode(c.v, []byte(c.bytes))); got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
}

func TestHeadersThatAreNoneAreRefusedAtOnce(t *testing.T) {
	for _, h := range []byte{0x00, 0x0f, 0x11, 0x36, 0x38, 0x41, 0x60, 0x80, 0xa0, 0xc1, 0xd2, 0xe4, 0xf1} {
		if _, _, err := Cut([]byte{h}, 1000); reasonOf(err) != Malformed {
			t.Errorf("%#x: %v", h, err)
		}
	}
	for _, h := range []byte{0x10, 0x20, 0x30, 0x3d, 0x40, 0x50, 0x62, 0x70, 0x82, 0x90, 0xa2, 0xb0, 0xc0, 0xd0, 0xe0, 0xf0} {
		if _, _, err := Cut([]byte{h}, 1000); err != nil {
			t.Errorf("%#x: %v", h, err)
		}
	}
}

func TestRemainingLengthHasOneForm(t *testing.T) { // [MQTT-1.5.5-1]
	for _, b := range []string{"\x30\x80\x00", "\x30\xff\xff\xff\xff", "\x30\xff\x80\x00"} {
		if _, _, err := Cut([]byte(b), MaxPacket); reasonOf(err) != Malformed {
			t.Errorf("% x: %v", b, err)
		}
	}
}

func TestReaderTakesPacketsHoweverTheyCome(t *testing.T) {
	var stream []byte
	var want []int
	for i := range 300 {
		m := mqtt.Message{Topic: "t", Payload: make([]byte, i*i)}
		out := Outgoing{Message: &m}
		stream = out.Append(stream, V311)
		want = append(want, i*i+3)
	}
	for name, source := range map[string]io.Reader{
		"at once":       bytes.NewReader(stream),
		"byte by byte":  iotest.OneByteReader(bytes.NewReader(stream)),
		"half by half":  iotest.HalfReader(bytes.NewReader(stream)),
		"end with data": iotest.DataErrReader(bytes.NewReader(stream)),
	} {
		r := NewReader(source, 1<<20)
		for i, size := range want {
			f, err := r.Next()
			if err != nil || len(f.Body) != size {
				t.Fatalf("%s: packet %d: %d bytes, %v, want %d", name, i, len(f.Body), err, size)
			}
		}
		if _, err := r.Next(); err != io.EOF {
			t.Errorf("%s: ends with %v", name, err)
		}
	}
}

func TestReaderTellsAnEndWithinAPacket(t *testing.T) {
	if _, err := NewReader(strings.NewReader("\x30\x05\x00"), 100).Next(); err != io.ErrUnexpectedEOF {
		t.Errorf("got %v", err)
	}
}

func TestReaderGrowsOnlyWithWhatHasArrived(t *testing.T) {
	r := NewReader(strings.NewReader("\x30\xff\xff\xff\x7f\x00"), MaxPacket)
	if _, err := r.Next(); err != io.ErrUnexpectedEOF {
		t.Errorf("got %v", err)
	}
	if len(r.buf) > largeBuffer {
		t.Errorf("a buffer of %d bytes for 6 that came", len(r.buf))
	}
}

func TestReaderGivesALargeBufferBack(t *testing.T) {
	ping := AppendPing(nil, PINGREQ)
	many := bytes.Repeat(ping, 200_000)
	r := NewReader(io.MultiReader(bytes.NewReader(many), iotest.OneByteReader(bytes.NewReader(many[:400]))), 100)
	largest := 0
	for {
		if _, err := r.Next(); err != nil {
			break
		}
		largest = max(largest, len(r.buf))
	}
	if largest != largeBuffer || len(r.buf) != smallBuffer {
		t.Errorf("largest %d, at the end %d", largest, len(r.buf))
	}
}

// drops is a Source that gives what it has in pieces, and waits between them.
type drops struct {
	pieces [][]byte
	rests  int
}

func (d *drops) ReadInto(p Place) (int, error) {
	if len(d.pieces) == 0 {
		return 0, io.EOF
	}
	p.Room()
	p.Rest()
	d.rests++
	n := copy(p.Room(), d.pieces[0])
	if d.pieces[0] = d.pieces[0][n:]; len(d.pieces[0]) == 0 {
		d.pieces = d.pieces[1:]
	}
	return n, nil
}

func TestReaderHoldsALentBufferOnlyWhileSomethingIsInIt(t *testing.T) {
	ping := AppendPing(nil, PINGREQ)
	m := mqtt.Message{Topic: "t", Payload: bytes.Repeat([]byte("x"), 5000)}
	large := (&Outgoing{Message: &m}).Append(nil, V311)
	d := &drops{pieces: [][]byte{ping, large[:3], large[3:10], large[10:], bytes.Repeat(ping, 50_000), ping}}
	for range 2 * idleReads {
		d.pieces = append(d.pieces, ping)
	}
	r := NewLentReader(d, 1<<20, new(Buffers))
	packets, wide := 0, false
	for {
		f, err := r.Next()
		if err != nil {
			break
		}
		if packets++; f.Type() == PUBLISH && len(f.Body) != 5003 {
			t.Fatalf("a body of %d bytes", len(f.Body))
		}
		wide = wide || len(r.buf) == largeBuffer
	}
	if want := 2 + 50_000 + 1 + 2*idleReads; packets != want {
		t.Errorf("%d packets, want %d", packets, want)
	}
	if !wide || r.wide {
		t.Errorf("large buffer: was lent %v, is wanted at the end %v", wide, r.wide)
	}
	r.Rest()
	if r.buf != nil {
		t.Errorf("a buffer of %d bytes for nothing", len(r.buf))
	}
}

func TestHotPathDoesNotAllocate(t *testing.T) {
	m := mqtt.Message{Topic: "device/meter-1/voltage", Payload: []byte("230.1")}
	out := Outgoing{Message: &m, QoS: 1, ID: 1}
	buf := out.Append(nil, V5)
	f := frameOf(t, buf)
	ackFrame := frameOf(t, AppendAck(nil, V5, PUBACK, 1, NoMatching))
	var in Publish
	for name, do := range map[string]func(){
		"encode PUBLISH": func() { buf = out.Append(buf[:0], V5) },
		"decode PUBLISH": func() { _ = in.Decode(V5, f) },
		"encode PUBACK":  func() { buf = AppendAck(buf[:0], V5, PUBACK, 1, NoMatching) },
		"decode PUBACK":  func() { _ = new(Ack).Decode(V5, ackFrame) },
	} {
		if n := testing.AllocsPerRun(100, do); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
		f = frameOf(t, out.Append(nil, V5)) // decode aliases a buffer that encode writes
	}
}

func TestReturnCodesOf311ComeBackAsReasons(t *testing.T) {
	for _, r := range []Reason{Success, UnsupportedVersion, ClientIDInvalid, ServerUnavailable, BadUserOrPassword, NotAuthorized} {
		want := Connack{Reason: r, SessionPresent: r == Success}
		var got Connack
		if err := got.Decode(V311, frameOf(t, want.Append(nil, V311)).Body); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	if b := (&Connack{Reason: Malformed}).Append(nil, V311); b != nil {
		t.Errorf("3.1.1 has no code for it, but got % x", b)
	}
}
