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

// Access decides who may do what. Its methods are called from many goroutines,
// MayPublish for each message. Connect may take its time; the others do not wait
// for anything.
type Access interface {
	// Connect lets a client in, with packet.Success, or says why not. It may
	// correct the user. A nil password was not sent.
	Connect(p *Peer, password []byte) packet.Reason
	MayPublish(p *Peer, topic string) bool
	MaySubscribe(p *Peer, filter mqtt.Filter) bool
}

// NoUsers is the Access of a broker that knows no users: where a listener lets
// anonymous clients in, all may come in and do all; elsewhere nobody.
type NoUsers struct{}

var _ Access = NoUsers{}

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
