package packet

import (
	"bytes"
	"reflect"
	"testing"

	paho "github.com/eclipse/paho.golang/packets"

	"fieldmq/broker/mqtt"
)

// The codec of paho.golang reads what ours writes, and the other way round.

func pahoReads(t *testing.T, b []byte) *paho.ControlPacket {
	t.Helper()
	p, err := paho.ReadPacket(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("paho reads % x: %v", b, err)
	}
	return p
}

func pahoWrites(t *testing.T, p paho.Packet) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := p.WriteTo(&b); err != nil {
		t.Fatalf("paho writes %v: %v", p, err)
	}
	return b.Bytes()
}

func pointer[T any](v T) *T { return &v }

func TestPahoReadsOurPublish(t *testing.T) {
	m := fullMessage()
	out := Outgoing{Message: &m, Dup: true, QoS: 2, Retain: true, ID: 77, Expiry: 90, Alias: 5, SubscriptionIDs: []uint32{128}}
	got := pahoReads(t, out.Append(nil, V5)).Content.(*paho.Publish)
	if got.Topic != m.Topic || !bytes.Equal(got.Payload, m.Payload) || got.QoS != 2 || !got.Duplicate || !got.Retain || got.PacketID != 77 {
		t.Errorf("got %+v", got)
	}
	p := got.Properties
	if *p.PayloadFormat != 1 || *p.MessageExpiry != 90 || p.ContentType != m.ContentType || p.ResponseTopic != m.ResponseTopic ||
		!bytes.Equal(p.CorrelationData, m.CorrelationData) || *p.TopicAlias != 5 || *p.SubscriptionIdentifier != 128 {
		t.Errorf("got %+v", p)
	}
	if want := []paho.User{{Key: "ts", Value: "1"}, {Key: "ts", Value: "2"}}; !reflect.DeepEqual(p.User, want) {
		t.Errorf("got %v, want %v", p.User, want)
	}
}

func TestWeReadPahosPublish(t *testing.T) {
	b := pahoWrites(t, &paho.Publish{
		Topic: "a/b", Payload: []byte("x"), QoS: 1, PacketID: 9, Retain: true,
		Properties: &paho.Properties{
			PayloadFormat: pointer(byte(1)), MessageExpiry: pointer(uint32(7)), ContentType: "c", ResponseTopic: "r",
			CorrelationData: []byte("d"), User: []paho.User{{Key: "k", Value: "v"}},
		},
	})
	var in Publish
	if err := in.Decode(V5, frameOf(t, b)); err != nil {
		t.Fatal(err)
	}
	got := mqtt.Message{Topic: string(in.Topic), Payload: in.Payload, QoS: in.QoS, Retain: in.Retain}
	in.Describe(&got)
	want := mqtt.Message{
		Topic: "a/b", Payload: []byte("x"), QoS: 1, Retain: true, Expiry: 7e9, UTF8: true, ContentType: "c",
		ResponseTopic: "r", CorrelationData: []byte("d"), UserProperties: []mqtt.UserProperty{{Name: "k", Value: "v"}},
	}
	if !reflect.DeepEqual(got, want) || in.ID != 9 {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestWeReadPahosConnect(t *testing.T) {
	b := pahoWrites(t, &paho.Connect{
		ProtocolName: "MQTT", ProtocolVersion: 5, ClientID: "c", KeepAlive: 30, CleanStart: true,
		UsernameFlag: true, Username: "u", PasswordFlag: true, Password: []byte("p"),
		WillFlag: true, WillTopic: "w", WillMessage: []byte("gone"), WillQOS: 1, WillRetain: true,
		WillProperties: &paho.Properties{WillDelayInterval: pointer(uint32(3)), User: []paho.User{{Key: "k", Value: "v"}}},
		Properties:     &paho.Properties{SessionExpiryInterval: pointer(uint32(60))},
	})
	var got Connect
	if err := got.Decode(frameOf(t, b).Body); err != nil {
		t.Fatal(err)
	}
	if got.ClientID != "c" || got.User != "u" || string(got.Password) != "p" || got.Properties.Number(SessionExpiry) != 60 {
		t.Errorf("got %+v", got)
	}
	want := &Will{Delay: 3e9, Message: mqtt.Message{
		Topic: "w", Payload: []byte("gone"), QoS: 1, Retain: true, UserProperties: []mqtt.UserProperty{{Name: "k", Value: "v"}},
	}}
	if !reflect.DeepEqual(got.Will, want) {
		t.Errorf("got will %+v, want %+v", got.Will, want)
	}
}

func TestPahoReadsOurConnack(t *testing.T) {
	ack := Connack{SessionPresent: true}
	ack.Properties.SetNumber(ReceiveMaximum, 20)
	ack.Properties.SetNumber(ServerKeepAlive, 60)
	ack.Properties.SetText(AssignedClientID, "auto")
	got := pahoReads(t, ack.Append(nil, V5)).Content.(*paho.Connack)
	if !got.SessionPresent || got.Properties.AssignedClientID != "auto" || *got.Properties.ReceiveMaximum != 20 || *got.Properties.ServerKeepAlive != 60 {
		t.Errorf("got %+v", got)
	}
}

func TestPahoReadsOurAcknowledgements(t *testing.T) {
	if got := pahoReads(t, AppendAck(nil, V5, PUBACK, 5, QuotaExceeded)).Content.(*paho.Puback); got.PacketID != 5 || got.ReasonCode != 0x97 {
		t.Errorf("got %+v", got)
	}
	if got := pahoReads(t, AppendAck(nil, V5, PUBREL, 5, Success)).Content.(*paho.Pubrel); got.PacketID != 5 || got.ReasonCode != 0 {
		t.Errorf("got %+v", got)
	}
	if got := pahoReads(t, AppendSuback(nil, V5, SUBACK, 6, []Reason{1, NotAuthorized})).Content.(*paho.Suback); !bytes.Equal(got.Reasons, []byte{1, 0x87}) {
		t.Errorf("got %+v", got)
	}
	if got := pahoReads(t, AppendSuback(nil, V5, UNSUBACK, 6, []Reason{NoSubscription})).Content.(*paho.Unsuback); !bytes.Equal(got.Reasons, []byte{0x11}) {
		t.Errorf("got %+v", got)
	}
	if got := pahoReads(t, AppendDisconnect(nil, V5, TakenOver, nil)).Content.(*paho.Disconnect); got.ReasonCode != 0x8e {
		t.Errorf("got %+v", got)
	}
}

func TestWeReadPahosSubscribe(t *testing.T) {
	b := pahoWrites(t, &paho.Subscribe{
		PacketID: 4, Properties: &paho.Properties{SubscriptionIdentifier: pointer(200)},
		Subscriptions: []paho.SubOptions{{Topic: "a/#", QoS: 1, NoLocal: true, RetainAsPublished: true, RetainHandling: 2}},
	})
	var got Subscribe
	if err := got.Decode(V5, frameOf(t, b).Body); err != nil {
		t.Fatal(err)
	}
	want := []Subscription{{Filter: "a/#", QoS: 1, NoLocal: true, RetainAsPublished: true, Retain: SendNoRetained}}
	if !reflect.DeepEqual(got.Subscriptions, want) || got.SubscriptionID() != 200 {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
