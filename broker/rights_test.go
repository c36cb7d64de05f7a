package broker

import (
	"fmt"
	"testing"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// twoFilters is an Access that lets everybody publish to two filters, and subscribe to one.
type twoFilters struct{ NoUsers }

func (twoFilters) Publishable(*Peer) []mqtt.Filter { return []mqtt.Filter{"a/+", "b/#"} }

func (twoFilters) Subscribable(*Peer) []mqtt.Filter { return []mqtt.Filter{"c"} }

func TestClientThatAsksIsToldWhatItMay(t *testing.T) {
	server, addr := start(t, Defaults())
	server.Access = twoFilters{}
	ask := []mqtt.UserProperty{{Name: "rights", Value: "publish"}}
	for _, c := range []struct {
		name    string
		version packet.Version
		user    []mqtt.UserProperty
		largest uint32
		want    string
	}{
		{"asks", packet.V5, ask, packet.MaxPacket, "[{rights told} {publish a/+} {publish b/#}]"},
		{"asks for both", packet.V5, append(ask[:1:1], mqtt.UserProperty{Name: "rights", Value: "subscribe"}), packet.MaxPacket, "[{rights told} {publish a/+} {publish b/#} {subscribe c}]"},
		{"asks for the other", packet.V5, []mqtt.UserProperty{{Name: "rights", Value: "subscribe"}}, packet.MaxPacket, "[{rights told} {subscribe c}]"},
		{"asks for something else", packet.V5, []mqtt.UserProperty{{Name: "rights", Value: "all"}}, packet.MaxPacket, "[]"},
		{"asks for nothing", packet.V5, nil, packet.MaxPacket, "[]"},
		{"has no room for the answer", packet.V5, ask, 40, "[]"},
		{"has no properties", packet.V311, nil, 0, "[]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := packet.Connect{Version: c.version, CleanStart: true, ClientID: "page"}
			p.Properties.User = c.user
			if c.largest > 0 {
				p.Properties.SetNumber(packet.MaximumPacketSize, c.largest)
			}
			if got := fmt.Sprint(dialAs(t, addr, p).told.User); got != c.want {
				t.Errorf("told %s, want %s", got, c.want)
			}
		})
	}
}

func TestClientThatMayPublishNothingIsToldSo(t *testing.T) {
	server, addr := start(t, Defaults())
	server.Access = mute{}
	p := packet.Connect{Version: packet.V5, CleanStart: true, ClientID: "page"}
	p.Properties.User = []mqtt.UserProperty{{Name: "rights", Value: "publish"}}
	if got := fmt.Sprint(dialAs(t, addr, p).told.User); got != "[{rights told}]" {
		t.Errorf("told %s", got)
	}
}

// mute is an Access that lets nobody publish.
type mute struct{ NoUsers }

func (mute) MayPublish(*Peer, string) bool   { return false }
func (mute) Publishable(*Peer) []mqtt.Filter { return nil }
