package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// exact is a client that keeps its half of QoS 2 over connections and crashes of
// the broker: what it has sent and is not done with, and what it has received and
// was not released.
type exact struct {
	t       *testing.T
	id      string
	version packet.Version
	rng     *rand.Rand
	polite  bool // it answers everything

	mu       sync.Mutex
	conn     net.Conn
	began    bool     // the broker has its session
	sent     []uint16 // packet identifiers that are under way, in order
	payloads map[uint16]string
	taken    map[uint16]bool // PUBREC came
	done     int             // how many were sent to the end
	open     map[uint16]bool // received, and not released
	got      []string        // in order, each once by the rules of QoS 2
}

func newExact(t *testing.T, id string, v packet.Version, seed uint64) *exact {
	return &exact{t: t, id: id, version: v, rng: rand.New(rand.NewPCG(seed, 1)), payloads: map[uint16]string{}, taken: map[uint16]bool{}, open: map[uint16]bool{}}
}

// connect comes back to the session, or begins it.
func (e *exact) connect(k *kept) *packet.Reader {
	e.t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+k.mqtt)
	if err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	r := packet.NewReader(conn, 1<<20)
	hello := packet.Connect{Version: e.version, ClientID: e.id}
	if e.version == packet.V5 {
		hello.Properties.SetNumber(packet.SessionExpiry, 10_000)
	}
	conn.Write(hello.Append(nil))
	f, err := r.Next()
	var ack packet.Connack
	if err != nil || ack.Decode(e.version, f.Body) != nil || ack.Reason != packet.Success || ack.SessionPresent != e.began {
		e.t.Fatalf("%s: %v, %v, %+v", e.id, err, f.Type(), ack)
	}
	e.conn, e.began = conn, true
	return r
}

// write sends a packet. Whether the broker got it, it will say.
func (e *exact) write(buf []byte) { e.conn.Write(buf) }

func (e *exact) ack(t packet.Type, id uint16) {
	e.write(packet.AppendAck(nil, e.version, t, id, packet.Success))
}

// publish sends a message with an identifier that is free.
func (e *exact) publish(number int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	id := uint16(number%1000 + 1)
	e.sent, e.payloads[id] = append(e.sent, id), fmt.Sprint(number)
	e.send(id, false)
}

func (e *exact) send(id uint16, dup bool) {
	m := mqtt.Message{Topic: "exact", Payload: []byte(e.payloads[id])}
	out := packet.Outgoing{Message: &m, QoS: mqtt.ExactlyOnce, ID: id, Dup: dup}
	e.write(out.Append(nil, e.version))
}

// repeat sends again what was under way when the last connection ended.
// [MQTT-4.4.0-1]
func (e *exact) repeat() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, id := range e.sent {
		if e.taken[id] {
			e.ack(packet.PUBREL, id)
		} else {
			e.send(id, true)
		}
	}
}

// listen follows the protocol until the connection ends; step is called after each
// packet. Once in a while a message gets no answer on this connection, unless the client
// is polite.
func (e *exact) listen(r *packet.Reader, step func()) {
	for {
		f, err := r.Next()
		if err != nil {
			return
		}
		e.mu.Lock()
		e.handle(f)
		e.mu.Unlock()
		step()
	}
}

func (e *exact) handle(f packet.Frame) {
	if f.Type() == packet.PUBLISH {
		var p packet.Publish
		if err := p.Decode(e.version, f); err != nil {
			e.t.Error(err)
		}
		if !e.open[p.ID] {
			e.open[p.ID] = true
			e.got = append(e.got, string(p.Payload))
		}
		if e.polite || e.rng.IntN(20) > 0 {
			e.ack(packet.PUBREC, p.ID)
		}
		return
	}
	var p packet.Ack
	if f.Type() != packet.SUBACK && p.Decode(e.version, f) != nil {
		e.t.Errorf("%s: %v cannot be read", e.id, f.Type())
	}
	switch f.Type() {
	case packet.PUBREC:
		if !e.polite && e.rng.IntN(20) == 0 {
			return // as if it had been lost on the way
		}
		e.taken[p.ID] = true
		e.ack(packet.PUBREL, p.ID)
	case packet.PUBREL:
		if e.polite || e.rng.IntN(20) > 0 {
			delete(e.open, p.ID)
			e.ack(packet.PUBCOMP, p.ID)
		}
	case packet.PUBCOMP:
		delete(e.taken, p.ID)
		for i, id := range e.sent {
			if id == p.ID {
				e.sent = append(e.sent[:i], e.sent[i+1:]...)
				e.done++
				break
			}
		}
	}
}

func (e *exact) state() (under, done, got int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.sent), e.done, len(e.got)
}

// TestKillsAmidQoS2LoseAndRepeatNothing kills the gateway again and again while one
// client publishes and another receives or is away, and looks at each message.
func TestKillsAmidQoS2LoseAndRepeatNothing(t *testing.T) {
	for name, v := range map[string]packet.Version{"3.1.1": packet.V311, "5.0": packet.V5} {
		t.Run(name, func(t *testing.T) {
			const kills, window = 12, 30
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			rng := rand.New(rand.NewPCG(seed, 0))
			k := startKept(t, "store: {segment: 64KiB}\n")
			pub, sub := newExact(t, "pub", v, seed), newExact(t, "sub", v, seed)
			r := sub.connect(k)
			s := packet.Subscribe{ID: 1, Subscriptions: []packet.Subscription{{Filter: "exact", QoS: mqtt.ExactlyOnce}}}
			sub.write(s.Append(nil, v))
			if f, err := r.Next(); err != nil || f.Type() != packet.SUBACK {
				t.Fatal(f.Type(), err)
			}
			sub.conn.Close()

			number := 0
			for round := range kills + 1 {
				last := round == kills
				pub.polite, sub.polite = last, last
				var group sync.WaitGroup
				steps := make(chan struct{}, 100_000) // more than there are packets: nobody waits for who counts
				step := func() { steps <- struct{}{} }
				p := pub.connect(k)
				group.Go(func() { pub.listen(p, step) })
				pub.repeat()
				if online := rng.IntN(3) > 0; online || last {
					r := sub.connect(k)
					group.Go(func() { sub.listen(r, step) })
				}
				for left := 1 + rng.IntN(400); left > 0 && !last; left-- {
					for under, _, _ := pub.state(); under < window; under++ {
						pub.publish(number)
						number++
					}
					<-steps
				}
				if last {
					wait(t, pub, sub, number, k, &group)
				}
				k.run.kill()
				group.Wait()
				if !last {
					k.start()
				}
			}
			for i, got := range sub.got {
				if got != fmt.Sprint(i) {
					t.Fatalf("message %d is %s", i, got)
				}
			}
			t.Logf("%d messages over %d kills", number, kills)
		})
	}
}

// wait waits until all has arrived. Who got no answer on one connection gets it on
// the next.
func wait(t *testing.T, pub, sub *exact, number int, k *kept, group *sync.WaitGroup) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		under, done, _ := pub.state()
		_, _, got := sub.state()
		if under == 0 && done == number && got >= number {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d of %d messages were taken, %d are under way, %d have arrived", done, number, under, got)
		}
	}
}
