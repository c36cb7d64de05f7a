package broker

import (
	"testing"

	"fieldmq/broker/packet"
)

// A crash at any moment leaves a subscriber no message of QoS 2 that the store
// would send under another identifier: what has reached the client is known to
// be in flight.
func TestWhatReachesAClientWithQoS2IsKnownToBeInFlight(t *testing.T) { // [MQTT-4.3.3-1]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			store := &memory{}
			_, addr := startOn(t, store)
			c := dialAs(t, addr, lasting(v, "c"))
			c.subscribe("t", 2)
			p := dialAs(t, addr, lasting(v, "p"))
			for i := range 50 {
				id := uint16(i + 1)
				p.send(p.packet(text("t", "x", 2), id))
				got := c.take()
				if !inFlight(store.crash(), got.id) {
					t.Fatalf("message %d: a crash would forget its identifier", i)
				}
				p.ack(packet.PUBREC, id)
				p.sendAck(packet.PUBREL, id)
				p.ack(packet.PUBCOMP, id)
				c.sendAck(packet.PUBREC, got.id)
				c.ack(packet.PUBREL, got.id)
				c.sendAck(packet.PUBCOMP, got.id)
				c.ping()
			}
		})
	}
}

// The same for what waited while the client was away.
func TestWhatWaitedWithQoS2IsKnownToBeInFlight(t *testing.T) {
	store := &memory{}
	s, addr := startOn(t, store)
	c := dialAs(t, addr, lasting(packet.V5, "c"))
	c.subscribe("t", 2)
	c.leave()
	waitFor(t, "end of the connection", func() bool { return away(s, "c") })
	p := dial(t, addr, packet.V5, "p")
	for range 20 {
		p.publish(text("t", "x", 2))
	}
	c = dialAs(t, addr, lasting(packet.V5, "c"))
	for i := range 20 {
		if got := c.take(); !inFlight(store.crash(), got.id) {
			t.Fatalf("message %d: a crash would forget its identifier", i)
		}
	}
}

// inFlight says whether the last word of a store about an identifier of the
// client c is that a message was sent with it.
func inFlight(store *memory, id uint16) bool {
	number := uint64(0)
	for _, r := range store.records {
		switch e := r.(type) {
		case Sent:
			if e.ClientID == "c" && e.PacketID == id {
				number = e.Number
			}
		case Settled:
			if e.ClientID == "c" && e.Number == number {
				number = 0
			}
		}
	}
	return number != 0
}
