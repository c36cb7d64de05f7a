package broker

import (
	"slices"
	"testing"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

func TestClientsAreKnownWhileTheyAreThere(t *testing.T) {
	s, addr := counting(t)
	plc := dialAs(t, addr, packet.Connect{Version: packet.V5, ClientID: "plc", KeepAlive: 30, CleanStart: true})
	plc.subscribe("b/#", 1)
	plc.subscribe("a", 0)
	dial(t, addr, packet.V311, "panel")
	if _, err := s.Connect(t.Context(), ConnectOptions{ClientID: "inner"}); err != nil {
		t.Fatal(err)
	}
	var all []ClientInfo
	waitFor(t, "both clients are known", func() bool {
		all = s.Clients()
		return len(all) == 2 && all[0].Connected && all[1].Connected
	})
	if c := all[0]; c.ID != "panel" || c.Version != "3.1.1" || len(c.Subscriptions) != 0 {
		t.Errorf("got %+v", c)
	}
	c := all[1]
	if c.ID != "plc" || c.Version != "5.0" || c.Silence.Seconds() != 45 || c.Address == "" || c.Heard.IsZero() ||
		!slices.Equal(c.Subscriptions, []mqtt.Filter{"a", "b/#"}) {
		t.Errorf("got %+v", c)
	}
}
