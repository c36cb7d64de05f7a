package broker

import (
	"strings"
	"sync"
	"testing"
	"time"

	"fieldmq/broker/packet"
)

// gate is an Access that lets messages to the topic "slow" wait at the door.
type gate struct {
	NoUsers
	reached, open chan struct{}
	passed        chan string // topics, as they pass
}

func (g *gate) MayPublish(_ *Peer, topic string) bool {
	if topic == "slow" {
		close(g.reached)
		<-g.open
	}
	g.passed <- topic
	return true
}

// A client that is thrown out may have a packet at hand still. What its next
// connection sends must wait for that, or it would overtake it; what the first
// had sent behind that packet is nobody's any more.
func TestNextConnectionWaitsForThePacketAtHand(t *testing.T) { // [MQTT-4.6.0-6]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			g := &gate{reached: make(chan struct{}), open: make(chan struct{}), passed: make(chan string, 10)}
			s, addr := start(t, Defaults())
			s.Access, s.finishing = g, 0 // the first has no time to finish
			release := sync.OnceFunc(func() { close(g.open) })
			t.Cleanup(release)
			witness := dial(t, addr, v, "witness")
			witness.subscribe("#", 1)
			first := dialAs(t, addr, lasting(v, "a"))
			first.send(append(first.packet(text("slow", "1", 1), 1), first.packet(text("late", "2", 1), 2)...))
			<-g.reached

			second := open(t, addr, v)
			connect := lasting(v, "a")
			second.send(append(connect.Append(nil), second.packet(text("next", "3", 1), 3)...))
			waitFor(t, "second connection that waits", func() bool {
				if len(g.passed) > 0 {
					t.Fatalf("%q overtakes the packet at hand", <-g.passed)
				}
				return waitsForAnother(stacks())
			})
			release()
			if r := second.connack(); r != packet.Success || !second.present {
				t.Fatalf("CONNACK with %v, session present %v", r, second.present)
			}
			second.ack(packet.PUBACK, 3)
			for _, want := range []string{"slow", "next"} {
				if got := witness.receive(); got.Topic != want {
					t.Errorf("got %q, want %q", got.Topic, want)
				}
			}
			witness.ping()
		})
	}
}

// waitsForAnother says whether a goroutine among the stacks waits for a lock
// while its client enters.
func waitsForAnother(stacks string) bool {
	for _, stack := range strings.Split(stacks, "\n\n") {
		if strings.Contains(stack, "(*conn).enter(") && strings.Contains(stack, "sync.(*Mutex).Lock") {
			return true
		}
	}
	return false
}

// A client says good-bye and is back before the broker has read that: its will
// is revoked all the same.
func TestGoodByeIsHeardBeforeTheNextConnection(t *testing.T) { // [MQTT-3.1.2-10]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			g := &gate{reached: make(chan struct{}), open: make(chan struct{}), passed: make(chan string, 10)}
			s, addr := start(t, Defaults())
			s.Access, s.finishing = g, patience
			release := sync.OnceFunc(func() { close(g.open) })
			t.Cleanup(release)
			witness := dial(t, addr, v, "witness")
			witness.subscribe("#", 0)
			connect := lasting(v, "a")
			connect.Will = &packet.Will{Message: text("will", "revoked", 0)}
			first := dialAs(t, addr, connect)
			<-g.passed // the will
			first.send(first.packet(text("slow", "x", 0), 0))
			<-g.reached
			first.send(packet.AppendDisconnect(nil, v, packet.Success, nil))
			second := open(t, addr, v)
			again := lasting(v, "a")
			second.send(again.Append(nil))
			waitFor(t, "second connection that waits", func() bool { return strings.Contains(stacks(), ").letFinish(") })
			release()
			if r := second.connack(); r != packet.Success || !second.present {
				t.Fatalf("CONNACK with %v, session present %v", r, second.present)
			}
			first.closed()
			if got := witness.receive(); got.Topic != "slow" {
				t.Errorf("got %s", got.Topic)
			}
			witness.ping()
		})
	}
}

// One that never stops talking is not waited for.
func TestTalkativeConnectionIsTakenOver(t *testing.T) {
	s, addr := start(t, Defaults())
	g := &gate{reached: make(chan struct{}), open: make(chan struct{}), passed: make(chan string, 10)}
	s.Access, s.finishing = g, time.Millisecond
	release := sync.OnceFunc(func() { close(g.open) })
	t.Cleanup(release)
	first := dialAs(t, addr, lasting(packet.V5, "a"))
	first.send(first.packet(text("slow", "x", 0), 0))
	<-g.reached
	second := open(t, addr, packet.V5)
	again := lasting(packet.V5, "a")
	second.send(again.Append(nil))
	first.disconnected(packet.TakenOver)
	release()
	if r := second.connack(); r != packet.Success {
		t.Fatal(r)
	}
}
