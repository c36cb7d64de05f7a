package broker

import (
	"net"

	"fieldmq/broker/mqtt"
	"fieldmq/broker/packet"
)

// Peer is a client as access rules see it.
type Peer struct {
	ClientID  string
	User      string // empty: none was named
	Cert      string // the common name in its certificate, empty: it has shown none
	Listener  string // the name of the listener it came by
	Anonymous bool   // the listener lets clients in that nobody knows
	CertUser  bool   // the listener takes the name in a certificate for the user
	Local     bool   // the listener is reached from this machine only
	Addr      net.Addr
	Rights    any // what Access keeps with the client, set by its Connect
}

// source is what is kept of a client that has published something.
func (p *Peer) source() *Source {
	if p == nil {
		return nil
	}
	return &Source{ClientID: p.ClientID, User: p.User, Cert: p.Cert, Local: p.Local}
}

// Access decides who may do what. Its methods are called from many goroutines,
// MayPublish for each message. Connect may take its time; the others do not wait
// for anything.
type Access interface {
	// Connect lets a client in, with packet.Success, or says why not. It may
	// correct the user. A nil password was not sent.
	Connect(p *Peer, password []byte) packet.Reason
	MayPublish(p *Peer, topic string) bool
	MaySubscribe(p *Peer, filter mqtt.Filter) bool
	// Denied are the filters of what never reaches a client, although a subscription
	// that MaySubscribe allows takes it.
	Denied(p *Peer) []mqtt.Filter
	// Recall prepares a client that an earlier life of the server let in: it is not
	// connected, but MayPublish is asked about it.
	Recall(p *Peer)
}

// Teller is an Access that can say what a client may, before it tries.
type Teller interface {
	// Publishable are filters that take all topics that MayPublish allows, and no
	// others but those that are denied.
	Publishable(p *Peer) []mqtt.Filter
	// Subscribable are filters that MaySubscribe allows, and all that lie within one.
	Subscribable(p *Peer) []mqtt.Filter
}

// NoUsers is the Access of a broker that knows no users: where a listener lets
// anonymous clients in, all may come in and do all; elsewhere nobody.
type NoUsers struct{}

var (
	_ Access = NoUsers{}
	_ Teller = NoUsers{}
)

// Connect lets clients in where anonymous ones may come.
func (NoUsers) Connect(p *Peer, _ []byte) packet.Reason {
	switch {
	case p.Anonymous:
		return packet.Success
	case p.User != "":
		return packet.BadUserOrPassword
	}
	return packet.NotAuthorized
}

// MayPublish allows.
func (NoUsers) MayPublish(*Peer, string) bool { return true }

// MaySubscribe allows.
func (NoUsers) MaySubscribe(*Peer, mqtt.Filter) bool { return true }

// Denied is nothing.
func (NoUsers) Denied(*Peer) []mqtt.Filter { return nil }

// Recall does nothing.
func (NoUsers) Recall(*Peer) {}

// Publishable are all topics but the server's own.
func (NoUsers) Publishable(*Peer) []mqtt.Filter { return everything }

// Subscribable are all.
func (NoUsers) Subscribable(*Peer) []mqtt.Filter { return []mqtt.Filter{"#", "$SYS/#"} }

// everything takes all topics but the server's own, to which nobody publishes.
var everything = []mqtt.Filter{"#", "$CONTROL/#", BridgeState}
