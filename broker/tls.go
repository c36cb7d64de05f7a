package broker

import (
	"crypto/tls"
	"net"
	"time"

	"fieldmq/broker/mqtt"
)

// peer is a client that comes by the listener.
func (o *ListenerOptions) peer(addr net.Addr) *Peer {
	return &Peer{Listener: o.Name, Anonymous: o.Anonymous, CertUser: o.CertUser, Local: o.Local, Addr: addr}
}

// secured is a connection over TLS.
type secured interface{ ConnectionState() tls.ConnectionState }

var (
	_ secured = (*tls.Conn)(nil)
	_ secured = (*webConn)(nil)
)

// ConnectionState is that of the TLS below, as far as there is some.
func (c *webConn) ConnectionState() tls.ConnectionState {
	if c.tls == nil {
		return tls.ConnectionState{}
	}
	return *c.tls
}

// commonName is the one in the certificate that the client has shown, once that
// was verified; else it is empty.
func commonName(nc net.Conn) string {
	c, ok := nc.(secured)
	if !ok {
		return ""
	}
	state := c.ConnectionState()
	if len(state.VerifiedChains) == 0 {
		return ""
	}
	name := state.VerifiedChains[0][0].Subject.CommonName
	if !mqtt.ValidString(name) {
		return ""
	}
	return name
}

// hangUp closes a connection. TLS says goodbye, which takes seconds where the
// client does not read; it gets a moment.
func hangUp(nc net.Conn) {
	if c, ok := nc.(*tls.Conn); ok {
		impatience := time.AfterFunc(lingering, func() { _ = c.NetConn().Close() })
		defer impatience.Stop()
	}
	_ = nc.Close() // there is nobody left to tell
}
