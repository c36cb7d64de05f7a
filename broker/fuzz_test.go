package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// session streams are what clients say in good order; the fuzzer breaks them.
func streams() (all [][]byte) {
	all = append(all, richStream())
	for _, v := range []packet.Version{packet.V31, packet.V311, packet.V5} {
		connect := packet.Connect{
			Version: v, CleanStart: true, ClientID: "fuzz",
			Will: &packet.Will{Message: text("w", "will", 1)},
		}
		message, kept := text("a/b", "x", 2), retained("a/c", "y")
		publish := packet.Outgoing{Message: &message, QoS: 2, ID: 1}
		retain := packet.Outgoing{Message: &kept, QoS: 1, ID: 2, Retain: true}
		subscribe := packet.Subscribe{ID: 3, Subscriptions: []packet.Subscription{{Filter: "a/#", QoS: 2}, {Filter: "$share/g/+/b", QoS: 1}}}
		unsubscribe := packet.Unsubscribe{ID: 4, Filters: []mqtt.Filter{"a/#"}}
		b := subscribe.Append(connect.Append(nil), v)
		b = retain.Append(publish.Append(b, v), v)
		for _, t := range []packet.Type{packet.PUBREL, packet.PUBACK, packet.PUBREC, packet.PUBCOMP} {
			b = packet.AppendAck(b, v, t, 1, packet.Success)
		}
		b = packet.AppendPing(unsubscribe.Append(b, v), packet.PINGREQ)
		all = append(all, packet.AppendDisconnect(b, v, packet.DisconnectWithWill, nil))
		all = append(all, b)
	}
	return all
}

// richStream is a client of 5.0 that uses all it can: properties, aliases,
// identifiers, a session that lasts, and its own messages coming back.
func richStream() []byte {
	connect := lasting(packet.V5, "rich")
	connect.HasUser, connect.User = true, "ann"
	connect.Properties.SetNumber(packet.ReceiveMaximum, 3)
	connect.Properties.SetNumber(packet.TopicAliasMaximum, 5)
	connect.Properties.SetNumber(packet.MaximumPacketSize, 500)
	connect.Will = &packet.Will{Message: text("w", "will", 2), Delay: time.Second}
	subscribe := packet.Subscribe{ID: 3, Subscriptions: []packet.Subscription{
		{Filter: "#", QoS: 2, RetainAsPublished: true}, {Filter: "$share/g/a/+", QoS: 1}, {Filter: "a/b", QoS: 1, Retain: packet.SendRetainedIfNew},
	}}
	subscribe.Properties.AddSubscriptionID(7)
	b := subscribe.Append(connect.Append(nil), packet.V5)
	m := mqtt.Message{
		Topic: "a/b", Payload: []byte("text"), UTF8: true, Expiry: time.Second, ContentType: "text/plain", ResponseTopic: "r",
		CorrelationData: []byte("1"), UserProperties: []mqtt.UserProperty{{Name: "k", Value: "v"}},
	}
	for id := range uint16(4) {
		out := packet.Outgoing{Message: &m, QoS: mqtt.QoS(id % 3), ID: id + 1, Expiry: 1, Alias: 1, NoTopic: id > 0}
		b = out.Append(b, packet.V5)
	}
	for _, t := range []packet.Type{packet.PUBREC, packet.PUBCOMP, packet.PUBACK, packet.PUBREL} {
		b = packet.AppendAck(b, packet.V5, t, 1, packet.Success)
	}
	return packet.AppendAuth(b, packet.Reauthenticate, nil)
}

// FuzzServer: whatever a client says, the server ends its connection when it
// hangs up, answers only what can be decoded, and goes on serving others.
func FuzzServer(f *testing.F) {
	for _, b := range streams() {
		f.Add(b)
	}
	cfg := Defaults()
	cfg.MaxPacketSize = 4096
	cfg.MaxRetained = 100
	s, addr := start(f, cfg)
	f.Fuzz(func(t *testing.T, stream []byte) {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // it is closed by the server
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, _ = conn.Write(stream)            // the server may have closed it
		_ = conn.(*net.TCPConn).CloseWrite() // the same
		r := packet.NewReader(conn, packet.MaxPacket)
		for {
			_, err := r.Next()
			var fault *packet.Error
			if errors.As(err, &fault) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatal(err)
			}
			if err != nil {
				break
			}
		}
		if err := s.Publish(context.Background(), text("a/b", "alive", 0)); err != nil {
			t.Fatal(err)
		}
	})
}

// TestBrokenStreamsHarmNobody cuts and changes good streams at every byte, while
// another client must see its own messages in order.
func TestBrokenStreamsHarmNobody(t *testing.T) {
	_, addr := start(t, Defaults())
	witness := dial(t, addr, packet.V5, "witness")
	witness.subscribe("witness", 1)
	n := 0
	for _, stream := range streams() {
		for i := range stream {
			broken := append([]byte{}, stream...)
			broken[i] ^= 0x55
			for _, b := range [][]byte{stream[:i], broken} {
				conn, err := net.Dial("tcp", addr)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = conn.Write(b) // the server may have closed it
				_ = conn.Close()     // the same
			}
			if i%16 == 0 {
				n++
				witness.send(witness.packet(text("witness", fmt.Sprint(n), 1), 1))
				witness.lookAhead(packet.PUBACK)
				witness.next(packet.PUBACK)
				if got := string(witness.receive().Payload); got != fmt.Sprint(n) {
					t.Fatalf("got %s, want %d", got, n)
				}
			}
		}
	}
}
