package broker

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

func TestSessionKeepsWhatCameMeanwhile(t *testing.T) { // [MQTT-4.1.0-1] [MQTT-3.1.2-5], 3.1.1 [MQTT-3.1.2-5]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			s, addr := start(t, Defaults())
			c := dialAs(t, addr, lasting(v, "a"))
			c.subscribe("t/#", 2)
			c.leave()
			waitFor(t, "end of the connection", func() bool { return away(s, "a") })
			p := dial(t, addr, v, "p")
			for i := range 6 {
				p.publish(text("t", fmt.Sprint(i), mqtt.QoS(i%3)))
			}
			c = dialAs(t, addr, lasting(v, "a"))
			if !c.present {
				t.Error("the session is not present")
			}
			// QoS 0 is not kept.
			if got := c.texts(4); !slices.Equal(got, []string{"1", "2", "4", "5"}) {
				t.Errorf("got %q", got)
			}
			c.ping()
		})
	}
}

// away says whether nobody holds a session.
func away(s *Server, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.sessions[id]
	return held == nil || held.holder == nil
}

func TestWhatWasUnderWayIsSentAgainInOrder(t *testing.T) { // [MQTT-4.4.0-1] [MQTT-4.6.0-1] [MQTT-3.3.1-1] [MQTT-4.3.2-3] [MQTT-4.3.3-3] [MQTT-4.3.3-5] [MQTT-4.3.3-6]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			c := dialAs(t, addr, lasting(v, "a"))
			c.subscribe("t", 2)
			p := dial(t, addr, v, "p")
			for i := range 6 {
				p.publish(text("t", fmt.Sprint(i), 1+mqtt.QoS(i%2)))
			}
			var first []got
			for range 6 {
				first = append(first, c.take())
			}
			c.sendAck(packet.PUBREC, first[3].id) // so only PUBREL is left of 3
			c.ack(packet.PUBREL, first[3].id)
			c.sendAck(packet.PUBACK, first[2].id) // and nothing of 2
			c.ping()
			c.cut()
			c = dialAs(t, addr, lasting(v, "a"))
			for _, i := range []int{0, 1} {
				if g := c.take(); !g.dup || g.id != first[i].id || string(g.Payload) != fmt.Sprint(i) {
					t.Errorf("got %+v, want %+v again", g, first[i])
				}
			}
			c.ack(packet.PUBREL, first[3].id)
			for _, i := range []int{4, 5} {
				if g := c.take(); !g.dup || g.id != first[i].id {
					t.Errorf("got %+v, want %+v again", g, first[i])
				}
			}
			c.ping()
		})
	}
}

func TestFirstDeliveryFromAQueueIsNoDuplicate(t *testing.T) { // [MQTT-3.3.1-3]
	s, addr := start(t, Defaults())
	c := dialAs(t, addr, lasting(packet.V5, "a"))
	c.subscribe("t", 1)
	c.cut()
	waitFor(t, "end of the connection", func() bool { return away(s, "a") })
	dial(t, addr, packet.V5, "p").publish(text("t", "x", 1))
	if g := dialAs(t, addr, lasting(packet.V5, "a")).take(); g.dup {
		t.Error("it is marked as one")
	}
}

func TestReceiveMaximumHoldsForWhatIsSentAgain(t *testing.T) {
	_, addr := start(t, Defaults())
	c := dialAs(t, addr, lasting(packet.V5, "a"))
	c.subscribe("t", 1)
	p := dial(t, addr, packet.V5, "p")
	for i := range 4 {
		p.publish(text("t", fmt.Sprint(i), 1))
		c.take()
	}
	c.cut()
	again := lasting(packet.V5, "a")
	again.Properties.SetNumber(packet.ReceiveMaximum, 2)
	c = dialAs(t, addr, again)
	first, second := c.take(), c.take()
	c.ping()
	c.sendAck(packet.PUBACK, second.id+2) // of the last one, which was not sent again yet
	c.ping()
	c.sendAck(packet.PUBACK, first.id)
	if g := c.take(); string(g.Payload) != "2" || !g.dup {
		t.Errorf("got %+v", g)
	}
	c.sendAck(packet.PUBACK, second.id)
	c.ping()
	p.publish(text("t", "new", 1))
	if g := c.take(); string(g.Payload) != "new" || g.dup {
		t.Errorf("got %+v", g)
	}
}

func TestSessionExpiryMayChangeAtDisconnect(t *testing.T) {
	s, addr := start(t, Defaults())
	c := dialAs(t, addr, lasting(packet.V5, "a"))
	var p packet.Properties
	p.SetNumber(packet.SessionExpiry, 0)
	c.send(packet.AppendDisconnect(nil, packet.V5, packet.Success, &p))
	c.closed()
	waitFor(t, "end of the session", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.sessions["a"] == nil
	})
}

func TestSessionEndsWithItsConnectionUnlessAskedOtherwise(t *testing.T) { // 3.1.1 [MQTT-4.1.0-2]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			s, addr := start(t, Defaults())
			c := dial(t, addr, v, "a")
			c.subscribe("t", 1)
			c.leave()
			waitFor(t, "end of the session", func() bool { return s.tree.Len() == 0 })
		})
	}
}

func TestQueuesHaveLimits(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"messages": func(c *Config) { c.MaxQueued = 3 },
		"bytes":    func(c *Config) { c.MaxQueuedBytes = 3*(1000+1+overhead) + 10 },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Defaults()
			change(&cfg)
			s, addr := start(t, cfg)
			c := dialAs(t, addr, lasting(packet.V5, "a"))
			c.subscribe("t", 1)
			c.leave()
			waitFor(t, "end of the connection", func() bool { return away(s, "a") })
			p := dial(t, addr, packet.V5, "p")
			for range 10 {
				p.publish(mqtt.Message{Topic: "t", QoS: 1, Payload: make([]byte, 1000)})
			}
			c = dialAs(t, addr, lasting(packet.V5, "a"))
			c.texts(3)
			c.ping()
			if got := s.Figures().Dropped.Load(); got != 7 {
				t.Errorf("dropped %d", got)
			}
		})
	}
}

func TestOneSessionTooManyIsTold(t *testing.T) {
	cfg := Defaults()
	cfg.MaxSessions = 1
	s, addr := start(t, cfg)
	dialAs(t, addr, lasting(packet.V5, "a")).leave()
	waitFor(t, "end of the connection", func() bool { return away(s, "a") })
	c := open(t, addr, packet.V5)
	another := lasting(packet.V5, "b")
	c.send(another.Append(nil))
	if r := c.connack(); r != packet.QuotaExceeded {
		t.Errorf("got %v", r)
	}
	dialAs(t, addr, lasting(packet.V5, "a")).ping()
	dial(t, addr, packet.V5, "b").ping() // those who leave nothing behind are not locked out
}

func TestSubscriberThatDoesNotReadHoldsNobodyUp(t *testing.T) {
	cfg := Defaults()
	cfg.MaxQueued = 100
	s, addr := start(t, cfg)
	deaf := dial(t, addr, packet.V5, "deaf")
	deaf.subscribe("t", 0)
	r, p := dial(t, addr, packet.V5, "r"), dial(t, addr, packet.V5, "p")
	r.subscribe("t", 1)
	payload := make([]byte, 64<<10)
	for i := 0; s.Figures().Dropped.Load() == 0; i++ {
		p.publish(mqtt.Message{Topic: "t", QoS: 1, Payload: payload})
		r.receive()
		if i == 10_000 {
			t.Fatal("nothing is dropped")
		}
	}
	for range 100 {
		deaf.take() // what there was is delivered
	}
}

func TestClientThatOnlyAsksWaitsForItsAnswers(t *testing.T) {
	s, addr := start(t, Defaults())
	c := dial(t, addr, packet.V5, "a")
	asks := make([]byte, 1<<20)
	for i := 0; i < len(asks); i += 2 {
		asks[i] = 0xc0 // PINGREQ
	}
	_ = c.conn.SetWriteDeadline(time.Now().Add(time.Second))
	for {
		if _, err := c.conn.Write(asks); err != nil { // it took no more
			break
		}
	}
	s.mu.Lock()
	held := s.sessions["a"].conn
	s.mu.Unlock()
	held.line.mu.Lock()
	defer held.line.mu.Unlock()
	if n := len(held.line.buf); n > answersFull+lineFull {
		t.Errorf("%d bytes of answers wait", n)
	}
}

// TestFastPublisherLosesNothingToAClientThatReads: what was acknowledged is not
// dropped although the subscriber is slower than the publisher.
func TestFastPublisherLosesNothingToAClientThatReads(t *testing.T) {
	cfg := Defaults()
	cfg.MaxQueued = 200
	cfg.MaxInFlight = 10
	bubble(t, cfg, func(t *testing.T, b *bubbled) {
		r := b.dial(t, packet.Connect{Version: packet.V5, CleanStart: true, ClientID: "r"})
		p := b.dial(t, packet.Connect{Version: packet.V5, CleanStart: true, ClientID: "p"})
		r.subscribe("t", 1)
		const n = 5000
		go func() {
			var all []byte
			for i := range n {
				all = append(all, p.packet(text("t", fmt.Sprint(i), 1), uint16(i+1))...)
			}
			_, _ = p.conn.Write(all) // the reader would see it
		}()
		go drain(p)
		for i := range n {
			if got := string(r.receive().Payload); got != fmt.Sprint(i) {
				t.Fatalf("got %s, want %d; %d were dropped", got, i, b.server.Figures().Dropped.Load())
			}
		}
	})
}

// A client of one thread writes what it has begun before it reads on. It does not
// wait for the broker, which waits for it.
func TestClientThatWritesBeforeItReadsIsNotStuck(t *testing.T) {
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			c := dial(t, addr, v, "a")
			c.subscribe("t", 0)
			big := bytes.Repeat([]byte("x"), 64<<10)
			for id := range uint16(500) { // more than all sockets take
				c.send(c.packet(mqtt.Message{Topic: "t", Payload: big, QoS: 1}, id+1))
			}
			acknowledged := 0
			for acknowledged < 500 {
				if f, err := c.reader.Next(); err != nil {
					t.Fatalf("after %d acknowledgements: %v", acknowledged, err)
				} else if f.Type() == packet.PUBACK {
					acknowledged++
				}
			}
		})
	}
}
