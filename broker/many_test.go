package broker

import (
	"fmt"
	"testing"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// TestTenThousandSubscriptions: a client gets as many as it may, and what is
// more is refused one by one; others do not notice.
func TestTenThousandSubscriptions(t *testing.T) {
	for name, limit := range map[string]int{"beyond the limit": 1000, "within the limit": 10_000} {
		t.Run(name, func(t *testing.T) {
			cfg := Defaults()
			cfg.MaxSubscriptions = limit
			s, addr := start(t, cfg)
			witness := dial(t, addr, packet.V5, "witness")
			witness.subscribe("own", 1)
			c := dial(t, addr, packet.V5, "greedy")
			granted := 0
			for i := range 100 {
				var subs []packet.Subscription
				for j := range 100 {
					subs = append(subs, packet.Subscription{Filter: mqtt.Filter(fmt.Sprintf("t/%d/+/x%d", i, j)), QoS: 1})
				}
				for _, r := range c.trySubscribe(0, subs...) {
					switch r {
					case 1:
						granted++
					case packet.QuotaExceeded:
					default:
						t.Fatalf("got %v", r)
					}
				}
				witness.send(witness.packet(text("own", "x", 1), 1))
				witness.lookAhead(packet.PUBACK)
				witness.next(packet.PUBACK)
				witness.receive()
			}
			if granted != limit || s.tree.Len() != limit+1 {
				t.Errorf("%d are granted, %d are there, want %d", granted, s.tree.Len(), limit)
			}
			last := (limit - 1) / 100
			witness.publish(text(fmt.Sprintf("t/%d/any/x99", last), "hit", 1))
			if got := c.receive(); string(got.Payload) != "hit" {
				t.Errorf("got %+v", got)
			}
			c.cut()
			waitFor(t, "end of the subscriptions", func() bool { return s.tree.Len() == 1 })
		})
	}
}
