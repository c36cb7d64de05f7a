package broker

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
)

// pahoClient connects the client of paho.golang. Received gets what comes.
func pahoClient(t *testing.T, addr string, connect *paho.Connect, received chan<- *paho.Publish) (*paho.Client, *paho.Connack) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	c := paho.NewClient(paho.ClientConfig{
		Conn: packets.NewThreadSafeConn(conn),
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){
			func(r paho.PublishReceived) (bool, error) { received <- r.Packet; return true, nil },
		},
	})
	ack, err := c.Connect(patient(t), connect)
	if err != nil {
		t.Fatal(err)
	}
	return c, ack
}

func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func TestPahoExchangesMessages(t *testing.T) {
	_, addr := start(t, Defaults())
	received := make(chan *paho.Publish, 10)
	sub, _ := pahoClient(t, addr, &paho.Connect{ClientID: "sub", CleanStart: true, KeepAlive: 30}, received)
	pub, _ := pahoClient(t, addr, &paho.Connect{ClientID: "pub", CleanStart: true, KeepAlive: 30}, nil)
	id := 5
	if _, err := sub.Subscribe(patient(t), &paho.Subscribe{
		Properties:    &paho.SubscribeProperties{SubscriptionIdentifier: &id},
		Subscriptions: []paho.SubscribeOptions{{Topic: "t/#", QoS: 2}},
	}); err != nil {
		t.Fatal(err)
	}
	for qos := range byte(3) {
		p := &paho.Publish{
			Topic: "t/x", QoS: qos, Payload: []byte("x"),
			Properties: &paho.PublishProperties{ContentType: "text/plain", User: paho.UserProperties{{Key: "k", Value: "v"}}},
		}
		if _, err := pub.Publish(patient(t), p); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-received:
			if got.Topic != "t/x" || got.QoS != qos || string(got.Payload) != "x" || got.Properties.ContentType != "text/plain" ||
				*got.Properties.SubscriptionIdentifier != id || got.Properties.User.Get("k") != "v" {
				t.Errorf("got %v", got)
			}
		case <-time.After(patience):
			t.Fatalf("nothing came with QoS %d", qos)
		}
	}
	for _, c := range []*paho.Client{sub, pub} {
		if err := c.Disconnect(&paho.Disconnect{}); err != nil {
			t.Error(err)
		}
	}
}

func TestPahoFindsItsSessionAgain(t *testing.T) {
	_, addr := start(t, Defaults())
	expiry := uint32(100)
	connect := &paho.Connect{ClientID: "a", KeepAlive: 30, Properties: &paho.ConnectProperties{SessionExpiryInterval: &expiry}}
	received := make(chan *paho.Publish, 10)
	c, ack := pahoClient(t, addr, connect, received)
	if ack.SessionPresent {
		t.Error("a session is present")
	}
	if _, err := c.Subscribe(patient(t), &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "t", QoS: 1}}}); err != nil {
		t.Fatal(err)
	}
	if err := c.Disconnect(&paho.Disconnect{}); err != nil {
		t.Fatal(err)
	}
	pub, _ := pahoClient(t, addr, &paho.Connect{ClientID: "pub", CleanStart: true, KeepAlive: 30}, nil)
	if _, err := pub.Publish(patient(t), &paho.Publish{Topic: "t", QoS: 1, Payload: []byte("meanwhile")}); err != nil {
		t.Fatal(err)
	}
	if _, ack = pahoClient(t, addr, connect, received); !ack.SessionPresent {
		t.Error("the session is not present")
	}
	select {
	case got := <-received:
		if string(got.Payload) != "meanwhile" {
			t.Errorf("got %v", got)
		}
	case <-time.After(patience):
		t.Error("nothing came")
	}
}

func TestPahoSeesRetainedMessagesAndWills(t *testing.T) {
	s, addr := start(t, Defaults())
	received := make(chan *paho.Publish, 10)
	sub, _ := pahoClient(t, addr, &paho.Connect{ClientID: "sub", CleanStart: true, KeepAlive: 30}, received)
	next := func() *paho.Publish {
		t.Helper()
		select {
		case got := <-received:
			return got
		case <-time.After(patience):
			t.Fatal("nothing came")
			return nil
		}
	}
	pub, _ := pahoClient(t, addr, &paho.Connect{
		ClientID: "pub", CleanStart: true, KeepAlive: 30,
		WillMessage:    &paho.WillMessage{Topic: "w", Payload: []byte("gone"), QoS: 1, Retain: true},
		WillProperties: &paho.WillProperties{}, // the library drops its properties
	}, nil)
	if _, err := pub.Publish(patient(t), &paho.Publish{Topic: "kept", QoS: 1, Retain: true, Payload: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	subscribe := &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: "kept", QoS: 1}, {Topic: "w", QoS: 1, RetainAsPublished: true}}}
	if _, err := sub.Subscribe(patient(t), subscribe); err != nil {
		t.Fatal(err)
	}
	if got := next(); got.Topic != "kept" || !got.Retain || string(got.Payload) != "x" {
		t.Errorf("got %v", got)
	}
	if err := pub.Disconnect(&paho.Disconnect{ReasonCode: 4}); err != nil { // with will
		t.Error(err)
	}
	if got := next(); got.Topic != "w" || !got.Retain || string(got.Payload) != "gone" {
		t.Errorf("got %v", got)
	}
	if n := s.retained.Len(); n != 2 {
		t.Errorf("%d retained messages", n)
	}
	if err := sub.Disconnect(&paho.Disconnect{}); err != nil {
		t.Error(err)
	}
}
