package broker

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"

	"fieldmq/broker/packet"
)

// certificate makes a certificate for 127.0.0.1.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// TestAnyListenerWill: connections whose writes may wait take another way.
func TestAnyListenerWill(t *testing.T) {
	s, plain := start(t, Defaults())
	cert, pool := certificate(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	run(t, func(ctx context.Context) error { return s.Serve(ctx, l, ListenerOptions{Name: "tls", Anonymous: true}) })
	conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // nobody is left to tell
	_ = conn.SetDeadline(time.Now().Add(patience))
	c := &client{TB: t, conn: conn, version: packet.V5, reader: packet.NewReader(conn, packet.MaxPacket)}
	c.send((&packet.Connect{Version: packet.V5, CleanStart: true, ClientID: "a"}).Append(nil))
	if r := c.connack(); r != packet.Success {
		t.Fatal(r)
	}
	c.subscribe("t", 2)
	p := dial(t, plain, packet.V5, "p")
	for range 200 {
		p.publish(text("t", "x", 2))
	}
	c.texts(200)
	dial(t, plain, packet.V5, "a")
	c.disconnected(packet.TakenOver)
}
