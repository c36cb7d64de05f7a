package bridge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"

	"github.com/eclipse/paho.golang/paho"
)

// Trial is what a try to connect has shown.
type Trial struct {
	Reached      bool                // the host took the connection, TLS included
	Certificates []*x509.Certificate // of the broker, its own first; none in the clear or over WebSocket
	Reason       string              // why not, in a line for a person; empty: all is well
}

// Try connects to the upstream once, as the gateway would, and leaves. A gateway
// that runs at the same time loses its connection to it. The session there stays.
func (c *Config) Try(ctx context.Context) Trial {
	var t Trial
	password, err := c.Password.Reveal()
	if err != nil {
		t.Reason = err.Error()
		return t
	}
	raw, err := c.dial(ctx)
	if err != nil {
		t.Reason = explain(err)
		return t
	}
	t.Reached = true
	if secure, ok := raw.(*tls.Conn); ok {
		t.Certificates = secure.ConnectionState().PeerCertificates
	}
	conn := newConn(raw) // which knows why it ended
	go conn.flush()
	defer conn.Close()
	expiry := seconds(c.SessionExpiry.D())
	client := paho.NewClient(paho.ClientConfig{Conn: conn, PacketTimeout: connackTimeout})
	ack, err := client.Connect(ctx, &paho.Connect{
		ClientID: c.ClientID, KeepAlive: 30,
		Username: c.Username, UsernameFlag: c.Username != "",
		Password: []byte(password), PasswordFlag: password != "",
		Properties: &paho.ConnectProperties{SessionExpiryInterval: &expiry, RequestProblemInfo: true},
	})
	if err != nil {
		l := &link{conn: conn}
		t.Reason = explain(l.notConnected(ack, errors.Join(err, ctx.Err())))
		return t
	}
	_ = client.Disconnect(&paho.Disconnect{}) // it has said what we want to know
	return t
}
