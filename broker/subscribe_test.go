package broker

import (
	"reflect"
	"slices"
	"strconv"
	"testing"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

func TestFiltersThatAreNoneAreRefused(t *testing.T) { // [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.8.2-1] [MQTT-4.8.2-2]
	_, addr := start(t, Defaults())
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			for _, f := range []mqtt.Filter{"a/#/b", "a#", "a+/b", "", "$share/g", "$share//a", "$share/g+/a", "$share/g/"} {
				c := dial(t, addr, v, "a")
				c.send((&packet.Subscribe{ID: 1, Subscriptions: []packet.Subscription{{Filter: "good"}, {Filter: f}}}).Append(nil, v))
				c.disconnected(packet.Malformed)
				c = dial(t, addr, v, "a")
				c.send((&packet.Unsubscribe{ID: 1, Filters: []mqtt.Filter{f}}).Append(nil, v))
				c.disconnected(packet.Malformed)
			}
		})
	}
}

func TestUnsubscribeEndsASubscription(t *testing.T) { // [MQTT-3.10.4-1] [MQTT-3.10.4-2] [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6] [MQTT-3.11.3-1] [MQTT-3.11.3-2]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			c := dial(t, addr, v, "a")
			c.subscribe("t", 1)
			p := packet.Unsubscribe{ID: 8, Filters: []mqtt.Filter{"t", "none", "#"}}
			c.send(p.Append(nil, v))
			var ack packet.Suback
			if err := ack.Decode(v, c.next(packet.UNSUBACK)); err != nil || ack.ID != 8 {
				t.Fatalf("%+v, %v", ack, err)
			}
			if want := []packet.Reason{packet.Success, packet.NoSubscription, packet.NoSubscription}; v == packet.V5 && !slices.Equal(ack.Reasons, want) {
				t.Errorf("got %v", ack.Reasons)
			}
			c.publish(text("t", "x", 1))
			c.ping()
		})
	}
}

func TestSubscriptionIdentifiersComeAllTogether(t *testing.T) { // [MQTT-3.3.4-3] [MQTT-3.3.4-4]
	_, addr := start(t, Defaults())
	c := dial(t, addr, packet.V5, "a")
	c.subscribeAs(1, packet.Subscription{Filter: "t/#", QoS: 1})
	c.subscribeAs(268_435_455, packet.Subscription{Filter: "t/+"})
	c.subscribe("#", 2)
	p := dial(t, addr, packet.V5, "p")
	p.publish(text("t/x", "x", 0))
	if got := c.receive(); !slices.Equal(got.ids, []uint32{1, 268_435_455}) {
		t.Errorf("got %v", got.ids)
	}
	p.publish(text("other", "x", 0))
	if got := c.receive(); got.ids != nil {
		t.Errorf("got %v", got.ids)
	}
	c.ping()
}

func TestOverlappingSubscriptionsBringOneMessage(t *testing.T) { // [MQTT-3.3.4-2], 3.1.1 [MQTT-3.3.5-1]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			c := dial(t, addr, v, "a")
			c.subscribe("t/#", 2)
			c.subscribe("t/x", 1)
			dial(t, addr, v, "p").publish(text("t/x", "x", 2))
			if got := c.receive(); got.QoS != 2 {
				t.Errorf("got %+v", got)
			}
			c.ping()
		})
	}
}

func TestNoLocalKeepsOwnMessagesAway(t *testing.T) { // [MQTT-3.8.3-3]
	_, addr := start(t, Defaults())
	c := dial(t, addr, packet.V5, "a")
	c.subscribeAs(0, packet.Subscription{Filter: "t", QoS: 1, NoLocal: true})
	c.publish(text("t", "own", 1))
	dial(t, addr, packet.V5, "b").publish(text("t", "other", 1))
	if got := c.texts(1); got[0] != "other" {
		t.Errorf("got %q", got)
	}
}

func TestSubscriptionsHaveALimit(t *testing.T) {
	cfg := Defaults()
	cfg.MaxSubscriptions = 2
	_, addr := start(t, cfg)
	c := dial(t, addr, packet.V5, "a")
	got := c.trySubscribe(0, packet.Subscription{Filter: "a"}, packet.Subscription{Filter: "b"}, packet.Subscription{Filter: "c"})
	if want := []packet.Reason{0, 0, packet.QuotaExceeded}; !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	c.subscribe("b", 1) // it has that one
}

func TestSharedSubscriptionsGoRound(t *testing.T) { // [MQTT-4.8.2]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			s, addr := start(t, Defaults())
			one, two := dial(t, addr, v, "one"), dialAs(t, addr, lasting(v, "two"))
			one.subscribe("$share/g/t/+", 1)
			two.subscribe("$share/g/t/+", 1)
			p := dial(t, addr, v, "p")
			for i := range 10 {
				p.publish(text("t/x", strconv.Itoa(i), 1))
			}
			all := append(one.texts(5), two.texts(5)...)
			if slices.Sort(all); !reflect.DeepEqual(all, []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}) {
				t.Errorf("got %q", all)
			}
			two.cut()
			waitFor(t, "end of the connection", func() bool { return away(s, "two") })
			for range 4 {
				p.publish(text("t/x", "x", 1))
			}
			one.texts(4) // who is away is skipped
			one.ping()
		})
	}
}

func TestSharedMessagesOfASessionThatEndedGoToAnother(t *testing.T) { // [MQTT-4.8.2]
	s, addr := start(t, Defaults())
	dies, lives := dial(t, addr, packet.V5, "dies"), dial(t, addr, packet.V5, "lives")
	dies.subscribe("$share/g/t", 1)
	p := dial(t, addr, packet.V5, "p")
	p.publish(text("t", "1", 1))
	p.publish(text("t", "2", 2))
	dies.take()
	dies.take() // neither is acknowledged
	lives.subscribe("$share/g/t", 2)
	dies.cut()
	waitFor(t, "end of the session", func() bool { return away(s, "dies") })
	// QoS was 1, as dies had asked for.
	if got := lives.texts(2); !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("got %q", got)
	}
}
