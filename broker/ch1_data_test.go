package broker

import (
	"slices"
	"testing"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// badStrings are no UTF-8, a surrogate, an overlong form, and U+0000.
var badStrings = []string{"a\xff", "\xed\xa0\x80", "\xc0\xaf", "a\x00b"}

func TestBadStringsInConnectAreMalformed(t *testing.T) { // [MQTT-1.5.4-1] [MQTT-1.5.4-2] [MQTT-1.5.7-1] [MQTT-3.1.3-4] [MQTT-3.1.3-11] [MQTT-3.1.3-12]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			for _, bad := range badStrings {
				for what, spoil := range map[string]func(*packet.Connect){
					"client identifier": func(p *packet.Connect) { p.ClientID = bad },
					"will topic":        func(p *packet.Connect) { p.Will.Message.Topic = bad },
					"user name":         func(p *packet.Connect) { p.User = bad },
					"user property":     func(p *packet.Connect) { p.Properties.User = []mqtt.UserProperty{{Name: "k", Value: bad}} },
					"property's name":   func(p *packet.Connect) { p.Properties.User = []mqtt.UserProperty{{Name: bad}} },
					"will's property":   func(p *packet.Connect) { p.Will.Message.UserProperties = []mqtt.UserProperty{{Name: bad}} },
				} {
					p := packet.Connect{Version: v, CleanStart: true, ClientID: "a", HasUser: true, Will: &packet.Will{Message: text("w", "", 0)}}
					spoil(&p)
					if v == packet.V311 && (p.Properties.User != nil || p.Will.Message.UserProperties != nil) {
						continue
					}
					c := open(t, addr, v)
					c.send(p.Append(nil))
					if v == packet.V5 {
						if r := c.connack(); r != packet.Malformed {
							t.Errorf("%s %q: %v", what, bad, r)
						}
					}
					c.closed()
				}
			}
		})
	}
}

func TestBadStringsAreMalformed(t *testing.T) { // [MQTT-1.5.4-1] [MQTT-1.5.4-2] [MQTT-1.5.7-1] [MQTT-3.3.2-1] [MQTT-3.3.2-13] [MQTT-3.3.2-19] [MQTT-3.8.3-1] [MQTT-3.10.3-1] [MQTT-4.7.3-2]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			for _, bad := range badStrings {
				packets := map[string][]byte{
					"topic":       publishOf(v, mqtt.Message{Topic: bad}),
					"SUBSCRIBE":   (&packet.Subscribe{ID: 1, Subscriptions: []packet.Subscription{{Filter: mqtt.Filter(bad)}}}).Append(nil, v),
					"UNSUBSCRIBE": (&packet.Unsubscribe{ID: 1, Filters: []mqtt.Filter{mqtt.Filter(bad)}}).Append(nil, v),
				}
				if v == packet.V5 {
					packets["response topic"] = publishOf(v, mqtt.Message{Topic: "t", ResponseTopic: bad})
					packets["content type"] = publishOf(v, mqtt.Message{Topic: "t", ContentType: bad})
					packets["pair"] = publishOf(v, mqtt.Message{Topic: "t", UserProperties: []mqtt.UserProperty{{Name: "k", Value: bad}}})
				}
				for what, b := range packets {
					t.Run(what, func(t *testing.T) {
						c := dial(t, addr, v, "a")
						c.send(b)
						c.disconnected(packet.Malformed)
					})
				}
			}
		})
	}
}

func publishOf(v packet.Version, m mqtt.Message) []byte {
	return (&packet.Outgoing{Message: &m, QoS: m.QoS, ID: 1}).Append(nil, v)
}

func TestTopicsAreComparedByteByByte(t *testing.T) { // [MQTT-1.5.4-3] [MQTT-4.7.3-4]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			p := dial(t, addr, v, "p")
			topics := []string{"a", "\ufeffa", "A", "a ", "\u00e9", "e\u0301", "a/", "/a", "%61"}
			for _, topic := range topics {
				c := dial(t, addr, v, "c")
				c.subscribe(mqtt.Filter(topic), 0)
				for _, published := range topics {
					p.publish(text(published, published, 0))
				}
				if got := c.receive(); got.Topic != topic || string(got.Payload) != topic {
					t.Errorf("%q got %q", topic, got.Topic)
				}
				c.ping()
			}
		})
	}
}

func TestTopicsNeedACharacter(t *testing.T) { // [MQTT-4.7.3-1]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			_, addr := start(t, Defaults())
			c := dial(t, addr, v, "a")
			c.send((&packet.Subscribe{ID: 1, Subscriptions: []packet.Subscription{{}}}).Append(nil, v))
			c.disconnected(packet.Malformed)
			c = dial(t, addr, v, "a")
			c.send(publishOf(v, mqtt.Message{}))
			c.disconnected(packet.ProtocolError)
		})
	}
}

// TestWildcardsMatch walks the examples that the standard gives.
func TestWildcardsMatch(t *testing.T) { // [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.2-1] [MQTT-3.3.2-3]
	for name, v := range both {
		t.Run(name, func(t *testing.T) {
			s, addr := start(t, Defaults())
			topics := []string{"sport", "sport/", "sport/tennis", "sport/tennis/ranking", "/finance", "$SYS/x", "$own/x", "end"}
			for filter, want := range map[mqtt.Filter][]string{
				"sport/#":        {"sport", "sport/", "sport/tennis", "sport/tennis/ranking"},
				"sport/+":        {"sport/", "sport/tennis"},
				"+":              {"sport"},
				"/+":             {"/finance"},
				"+/+":            {"sport/", "sport/tennis", "/finance"},
				"+/tennis/#":     {"sport/tennis", "sport/tennis/ranking"},
				"#":              {"sport", "sport/", "sport/tennis", "sport/tennis/ranking", "/finance"},
				"+/x":            nil,
				"$SYS/#":         {"$SYS/x"},
				"$own/+":         {"$own/x"},
				"sport/+/#":      {"sport/", "sport/tennis", "sport/tennis/ranking"},
				"sport/+/rankin": nil,
			} {
				c := dial(t, addr, v, "c")
				c.subscribe(filter, 0)
				c.subscribe("end", 0)
				for _, topic := range topics {
					if err := s.Publish(t.Context(), text(topic, topic, 0)); err != nil {
						t.Fatal(err)
					}
				}
				var all []string
				for got := ""; got != "end"; {
					got = c.receive().Topic
					all = append(all, got)
				}
				if want = append(want, "end"); !slices.Equal(all, want) {
					t.Errorf("%s: got %q, want %q", filter, all, want)
				}
			}
		})
	}
}
