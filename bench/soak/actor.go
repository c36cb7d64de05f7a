package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime/pprof"
	"time"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// actor is a client that decides at random what to do next. Its decisions
// follow from the seed; when they meet those of others does not.
type actor struct {
	world  *world
	addr   string
	rng    *rand.Rand
	index  int
	topics int

	link  *link // nil: not connected
	links int
	will  *message   // of the connection; nil: none
	bare  []*message // of QoS 0, given to the connection since the last ping

	// The world's lock guards these.
	number   uint32 // of the last message
	session  *session
	sessions []*session // of this epoch
	flights  []*flight  // QoS 1 and 2, sent and not yet settled, in order
	lastID   uint16
	known    map[uint16]uint64 // QoS 2 that came and was not released
	answers  map[uint16]answer // SUBACK and UNSUBACK by packet identifier
	pings    int
	pongs    int
}

// flight is a message that the broker has yet to acknowledge.
type flight struct {
	*message
	packetID uint16
	taken    bool // PUBREC came
}

type answer struct {
	at      tick
	reasons []packet.Reason
}

// errSilent: the broker has not answered in time.
var errSilent = errors.New("the broker does not answer")

// act does so many things one after the other.
func (a *actor) act(things int) error {
	for range things {
		var err error
		if a.link == nil {
			err = a.comeBack()
		} else {
			err = a.live()
		}
		if err != nil {
			return fmt.Errorf("client %d: %w", a.index, err)
		}
		time.Sleep(time.Duration(a.rng.IntN(40)) * time.Millisecond)
	}
	return nil
}

// live is one thing that a connected client does.
func (a *actor) live() error {
	switch n := a.rng.IntN(100); {
	case n < 60:
		return a.publish(1 + a.rng.IntN(8))
	case n < 74:
		return a.subscribe(a.filter())
	case n < 80:
		return a.unsubscribe()
	case n < 85:
		a.die(a.rng.IntN(2) == 0)
	case n < 89:
		return a.disconnect()
	case n < 92:
		return a.takeOver()
	case n < 95:
		a.deafen()
	default:
		return a.ping()
	}
	return nil
}

// comeBack connects, to the session there was or to a new one.
func (a *actor) comeBack() error {
	clean := a.session == nil || a.rng.IntN(4) == 0
	return a.connect(clean)
}

func (a *actor) topic() string { return fmt.Sprintf("soak/%d/%d", a.rng.IntN(a.topics), a.rng.IntN(3)) }

func (a *actor) filter() mqtt.Filter {
	switch a.rng.IntN(12) {
	case 0:
		return mqtt.Filter(fmt.Sprintf("soak/%d/#", a.rng.IntN(a.topics)))
	case 1:
		return mqtt.Filter(fmt.Sprintf("soak/+/%d", a.rng.IntN(3)))
	case 2:
		return mqtt.Filter(fmt.Sprintf("soak/will/%d", a.rng.IntN(a.index+1)))
	case 3:
		return mqtt.Filter(fmt.Sprintf("soak/%d/+", a.rng.IntN(a.topics)))
	}
	return mqtt.Filter(a.topic())
}

// deafen stops reading for a moment.
func (a *actor) deafen() {
	a.link.deaf.Store(true)
	time.Sleep(time.Duration(a.rng.IntN(200)) * time.Millisecond)
	a.link.deaf.Store(false)
}

// publish sends a burst of messages.
func (a *actor) publish(n int) error {
	for range n {
		m := &message{topic: a.topic(), qos: mqtt.QoS(a.rng.IntN(3)), retain: a.rng.IntN(4) == 0, end: never}
		m.empty = m.retain && a.rng.IntN(4) == 0
		size := a.rng.IntN(200)
		if a.rng.IntN(50) == 0 {
			size = a.rng.IntN(50_000)
		}
		if err := a.await(func() bool { return len(a.flights) < maxFlights }); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		a.give(m, size)
	}
	return nil
}

// maxFlights is how many messages of QoS 1 and 2 a client has in flight.
const maxFlights = 40

// give sends one message.
func (a *actor) give(m *message, size int) {
	a.world.mu.Lock()
	a.name(m, size)
	m.begin = a.world.tick()
	var id uint16
	if m.qos > 0 {
		id = a.nextID()
		a.flights = append(a.flights, &flight{message: m, packetID: id})
	} else {
		a.bare = append(a.bare, m)
	}
	a.world.mu.Unlock()
	a.link.send(func(buf []byte) []byte { return appendPublish(buf, a.link.version, m, id, false) })
}

// name gives a message its id and payload. The lock is held.
func (a *actor) name(m *message, size int) {
	a.number++
	m.id = messageID(a.index, a.number)
	if !m.empty {
		m.payload = pad(m.id, size)
	}
	a.world.add(m)
}

// nextID is a free packet identifier. The lock is held.
func (a *actor) nextID() uint16 {
	for {
		a.lastID++
		if a.lastID != 0 && a.flightOf(a.lastID) < 0 {
			return a.lastID
		}
	}
}

// flightOf is the index of a packet identifier, -1 if it is free. The lock is
// held.
func (a *actor) flightOf(id uint16) int {
	for i, f := range a.flights {
		if f.packetID == id {
			return i
		}
	}
	return -1
}

// await waits until something is so. The condition is asked with the lock held.
func (a *actor) await(is func() bool) error {
	for began := time.Now(); time.Since(began) < patience; time.Sleep(time.Millisecond) {
		a.world.mu.Lock()
		so := is()
		a.world.mu.Unlock()
		if so {
			return nil
		}
		select {
		case <-a.link.done:
			return errors.New("the broker has closed the connection")
		default:
		}
	}
	a.world.silent.Do(tellStacks)
	return errSilent
}

// tellStacks tells what all goroutines do, for the broker may be among them, or
// the model may have kept its clients from their turn.
func tellStacks() { _ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1) }

// ping asks for a sign of life, behind all that the broker has been told, which
// it then has taken.
func (a *actor) ping() error {
	a.world.mu.Lock()
	a.pings++
	want := a.pings
	a.world.mu.Unlock()
	a.link.send(func(buf []byte) []byte { return packet.AppendPing(buf, packet.PINGREQ) })
	if err := a.await(func() bool { return a.pongs >= want }); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	a.world.mu.Lock()
	defer a.world.mu.Unlock()
	now := a.world.tick()
	for _, m := range a.bare {
		m.end = now
	}
	a.bare = nil
	return nil
}
