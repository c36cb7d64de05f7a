package broker

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// pipes is a listener whose connections are pipes within a bubble, where hours
// pass in no time.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.closed:
	default:
		close(p.closed)
	}
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

// bubble runs a test with a server in a bubble.
func bubble(t *testing.T, cfg Config, test func(t *testing.T, b *bubbled)) {
	cfg.SysInterval = 0 // what tests find is their own
	synctest.Test(t, func(t *testing.T) {
		b := &bubbled{server: New(cfg, quiet()), pipes: &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 2)
		go func() { ended <- b.server.Run(ctx) }()
		go func() { ended <- b.server.Serve(ctx, b.pipes, ListenerOptions{Name: "pipe", Anonymous: true}) }()
		defer func() {
			cancel()
			for range 2 {
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}
		}()
		test(t, b)
	})
}

type bubbled struct {
	server *Server
	pipes  *pipes
}

func (b *bubbled) open(t *testing.T, v packet.Version) *client {
	near, far := net.Pipe()
	b.pipes.conns <- far
	t.Cleanup(func() { _ = near.Close() })
	return &client{TB: t, conn: near, version: v, reader: packet.NewReader(near, packet.MaxPacket)}
}

func (b *bubbled) dial(t *testing.T, p packet.Connect) *client {
	t.Helper()
	c := b.open(t, p.Version)
	c.send(p.Append(nil))
	if r := c.connack(); r != packet.Success {
		t.Fatalf("CONNACK: %v", r)
	}
	return c
}

// observe subscribes within the process and returns what has come so far.
func (b *bubbled) observe(t *testing.T, filter mqtt.Filter) (texts func() []string) {
	var mu sync.Mutex
	var all []string
	messages := b.server.Subscribe(t.Context(), filter)
	go func() {
		for m := range messages {
			mu.Lock()
			all = append(all, string(m.Payload))
			mu.Unlock()
		}
	}()
	return func() []string {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

func TestClientThatSaysNothingIsCut(t *testing.T) {
	bubble(t, Defaults(), func(t *testing.T, b *bubbled) {
		begin := time.Now()
		b.open(t, packet.V5).closed()
		if got := time.Since(begin); got != 10*time.Second {
			t.Errorf("after %v", got)
		}
	})
}

func TestHalfAPacketIsNoSignOfLife(t *testing.T) {
	bubble(t, Defaults(), func(t *testing.T, b *bubbled) {
		c := b.open(t, packet.V5)
		c.send([]byte("\x10\x0d\x00\x04MQ"))
		c.closed()
	})
}

func TestSilentClientIsCutAfterOneAndAHalfKeepAlives(t *testing.T) { // [MQTT-3.1.2-22]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			bubble(t, Defaults(), func(t *testing.T, b *bubbled) {
				c := b.dial(t, packet.Connect{Version: v, CleanStart: true, ClientID: "a", KeepAlive: 100})
				time.Sleep(149 * time.Second)
				c.ping()
				begin := time.Now()
				c.disconnected(packet.KeepAliveTimeout)
				if got := time.Since(begin); got != 150*time.Second {
					t.Errorf("after %v", got)
				}
			})
		})
	}
}

// A long packet takes its time on a slow line, and no ping fits into it.
func TestClientIsHeardWhileALongPacketComes(t *testing.T) {
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			bubble(t, Defaults(), func(t *testing.T, b *bubbled) {
				c := b.dial(t, packet.Connect{Version: v, CleanStart: true, ClientID: "a", KeepAlive: 100})
				long := c.packet(text("t", strings.Repeat("x", 20_000), 1), 1)
				for part := range slices.Chunk(long, 1000) {
					c.send(part)
					time.Sleep(100 * time.Second)
				}
				c.ack(packet.PUBACK, 1)
				c.ping()

				begun := time.Now()
				for range 6 { // too little to be a sign of life
					c.send(long[:1])
					long = long[1:]
					time.Sleep(20 * time.Second)
				}
				c.disconnected(packet.KeepAliveTimeout)
				if got := time.Since(begun); got != 150*time.Second {
					t.Errorf("cut after %v", got)
				}
			})
		})
	}
}

func TestClientWithoutKeepAliveMayBeSilent(t *testing.T) {
	bubble(t, Defaults(), func(t *testing.T, b *bubbled) {
		c := b.dial(t, packet.Connect{Version: packet.V311, CleanStart: true, ClientID: "a"})
		time.Sleep(100 * time.Hour)
		c.ping()
	})
}

func TestMessagesExpireInQueues(t *testing.T) { // [MQTT-3.3.2-5] [MQTT-3.3.2-6]
	bubble(t, Defaults(), func(t *testing.T, b *bubbled) {
		c := b.dial(t, lasting(packet.V5, "a"))
		c.subscribe("t", 1)
		c.leave()
		synctest.Wait()
		for _, seconds := range []time.Duration{10, 100, 0} {
			m := text("t", "x", 1)
			m.Expiry = seconds * time.Second
			if err := b.server.Publish(t.Context(), m); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(30*time.Second + 500*time.Millisecond)
		c = b.dial(t, lasting(packet.V5, "a"))
		for _, want := range []time.Duration{70 * time.Second, 0} {
			if got := c.receive().Expiry; got != want {
				t.Errorf("got %v, want %v", got, want)
			}
		}
		c.ping()
	})
}

func TestRetainedMessagesExpire(t *testing.T) { // [MQTT-3.3.2-5]
	bubble(t, Defaults(), func(t *testing.T, b *bubbled) {
		m := retained("t", "x")
		m.Expiry = 60 * time.Second
		if err := b.server.Publish(t.Context(), m); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		c := b.dial(t, packet.Connect{Version: packet.V5, CleanStart: true, ClientID: "a"})
		c.subscribe("t", 0)
		if got := c.receive().Expiry; got != 40*time.Second {
			t.Errorf("got %v", got)
		}
		time.Sleep(40 * time.Second)
		c.subscribe("t", 0)
		c.ping()
		time.Sleep(sweepEvery)
		if n := b.server.retained.Len(); n != 0 {
			t.Errorf("%d are left", n)
		}
	})
}

func TestSessionsExpire(t *testing.T) { // [MQTT-3.1.2-23] [MQTT-4.1.0-2]
	bubble(t, Defaults(), func(t *testing.T, b *bubbled) {
		p := packet.Connect{Version: packet.V5, ClientID: "a"}
		p.Properties.SetNumber(packet.SessionExpiry, 60)
		b.dial(t, p).cut()
		time.Sleep(59 * time.Second)
		c := b.dial(t, p)
		if !c.present {
			t.Error("ended too early")
		}
		time.Sleep(1000 * time.Second) // it counts from the end of the connection
		c.cut()
		time.Sleep(61 * time.Second)
		if c = b.dial(t, p); c.present {
			t.Error("did not end")
		}
	})
}

// withWill is a CONNECT with a will on topic w.
func withWill(v packet.Version, delay, expiry uint32) packet.Connect {
	p := packet.Connect{Version: v, ClientID: "a", Will: &packet.Will{
		Message: mqtt.Message{Topic: "w", Payload: []byte("will")}, Delay: time.Duration(delay) * time.Second,
	}}
	if expiry > 0 {
		p.Properties.SetNumber(packet.SessionExpiry, expiry)
	}
	p.CleanStart = v == packet.V311
	return p
}

func TestWillsAreSpoken(t *testing.T) {
	type step func(t *testing.T, b *bubbled, c *client)
	cut := func(_ *testing.T, _ *bubbled, c *client) { c.cut() }
	disconnect := func(r packet.Reason) step {
		return func(_ *testing.T, _ *bubbled, c *client) {
			c.send(packet.AppendDisconnect(nil, c.version, r, nil))
			c.closed()
		}
	}
	wait := func(d time.Duration) step {
		return func(*testing.T, *bubbled, *client) { time.Sleep(d) }
	}
	comeBack := func(clean bool) step {
		return func(t *testing.T, b *bubbled, c *client) {
			p := packet.Connect{Version: c.version, ClientID: "a", CleanStart: clean}
			p.Properties.SetNumber(packet.SessionExpiry, 1000)
			b.dial(t, p)
		}
	}
	read := func(t *testing.T, _ *bubbled, c *client) { c.disconnected(packet.TakenOver) }
	for _, c := range []struct {
		name          string
		v             packet.Version
		delay, expiry uint32
		steps         []step
		spoken        bool
	}{
		{"is spoken when the connection breaks [MQTT-3.1.2-8]", packet.V311, 0, 0, []step{cut}, true},
		{"is spoken when the connection breaks [MQTT-3.1.2-8]", packet.V5, 0, 0, []step{cut}, true},
		{"is forgotten at DISCONNECT [MQTT-3.1.2-10] [MQTT-3.14.4-3]", packet.V311, 0, 0, []step{disconnect(0)}, false},
		{"is forgotten at DISCONNECT [MQTT-3.1.2-10] [MQTT-3.14.4-3]", packet.V5, 0, 1000, []step{disconnect(0), wait(2000e9)}, false},
		{"is spoken at DISCONNECT with will", packet.V5, 0, 0, []step{disconnect(packet.DisconnectWithWill)}, true},
		{"is spoken at DISCONNECT for a failure", packet.V5, 0, 0, []step{disconnect(packet.Unspecified)}, true},
		{"waits for its delay", packet.V5, 100, 1000, []step{cut, wait(99e9)}, false},
		{"is spoken after its delay", packet.V5, 100, 1000, []step{cut, wait(100e9)}, true},
		{"waits after DISCONNECT with will too", packet.V5, 100, 1000, []step{disconnect(packet.DisconnectWithWill), wait(99e9)}, false},
		{"is spoken when the session ends before the delay", packet.V5, 100, 50, []step{cut, wait(50e9)}, true},
		{"is spoken at once when the session has no life of its own", packet.V5, 100, 0, []step{cut}, true},
		{"is forgotten when the client is back in time [MQTT-3.1.3-9]", packet.V5, 100, 1000, []step{cut, wait(99e9), comeBack(false), wait(500e9)}, false},
		{"is spoken when the client starts anew", packet.V5, 100, 1000, []step{cut, wait(50e9), comeBack(true)}, true},
		{"is spoken at a take-over", packet.V5, 0, 1000, []step{comeBack(false), read}, true},
		{"is forgotten at a take-over in time", packet.V5, 100, 1000, []step{comeBack(false), read, wait(500e9)}, false},
		{"is spoken at a take-over with a clean start", packet.V5, 100, 1000, []step{comeBack(true), read}, true},
		{"is spoken when the client is silent for too long", packet.V5, 0, 0, []step{wait(1000e9)}, true},
		{"is spoken after a protocol error", packet.V5, 0, 0, []step{func(_ *testing.T, _ *bubbled, c *client) {
			c.send([]byte{0, 0})
			c.disconnected(packet.Malformed)
		}}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, Defaults(), func(t *testing.T, b *bubbled) {
				texts := b.observe(t, "w")
				p := withWill(c.v, c.delay, c.expiry)
				p.KeepAlive = 600
				client := b.dial(t, p)
				_ = client.conn.SetDeadline(time.Time{})
				for _, step := range c.steps {
					step(t, b, client)
				}
				want := 0
				if c.spoken {
					want = 1
				}
				if got := texts(); len(got) != want {
					t.Errorf("spoken %d times, want %d", len(got), want)
				}
			})
		})
	}
}

func TestWillsCarryTheirProperties(t *testing.T) { // [MQTT-3.1.2-14] [MQTT-3.1.2-15]
	bubble(t, Defaults(), func(t *testing.T, b *bubbled) {
		p := withWill(packet.V5, 0, 0)
		p.Will.Message = mqtt.Message{
			Topic: "w", Payload: []byte("will"), QoS: 1, Retain: true, UTF8: true, ContentType: "text/plain", Expiry: 100 * time.Second,
			ResponseTopic: "r", CorrelationData: []byte("c"), UserProperties: []mqtt.UserProperty{{Name: "k", Value: "v"}},
		}
		b.dial(t, p).cut()
		time.Sleep(10 * time.Second)
		c := b.dial(t, packet.Connect{Version: packet.V5, CleanStart: true, ClientID: "b"})
		c.subscribe("w", 1)
		got := c.receive().Message
		want := p.Will.Message
		want.Expiry = 90 * time.Second
		if !equal(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

func TestTenThousandTimersKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		timers := newTimers()
		done := make(chan struct{})
		go func() {
			timers.run(ctx)
			close(done)
		}()
		var last time.Time
		fired := 0
		all := make([]timer, 10_000)
		begin := time.Now()
		for i := range all {
			due := begin.Add(time.Duration(1+i*7919%len(all)) * time.Second)
			all[i].fire = func(now time.Time) time.Time {
				if now.Before(last) || !now.Equal(due) {
					t.Errorf("due %v, fired %v after %v", due, now, last)
				}
				last = now
				fired++
				return time.Time{}
			}
			timers.set(&all[i], due)
		}
		for i := range 5000 {
			timers.stop(&all[i])
		}
		time.Sleep(20_000 * time.Second)
		cancel()
		<-done
		if fired != 5000 || len(timers.heap) != 0 {
			t.Errorf("fired %d, %d are left", fired, len(timers.heap))
		}
	})
}
